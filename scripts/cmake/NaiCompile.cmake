# How this project's own targets are compiled and linked: nai_target(<target>).
include_guard(GLOBAL)
include(CheckCXXCompilerFlag)

# assert() stays on in releases, as the standard library's own checks do: a broken invariant must
# end the run, not write to the volume.
set(CMAKE_CXX_FLAGS_RELEASE "-O2")
# With sanitizers, -O1 takes a third longer to compile, and the tests take a tenth less.
set(CMAKE_CXX_FLAGS_DEBUG "-Og -g1")

add_library(nai_compile INTERFACE)
target_compile_options(nai_compile INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
)
target_compile_definitions(nai_compile INTERFACE _GLIBCXX_ASSERTIONS)

if(NAI_SANITIZE)
  target_compile_options(nai_compile INTERFACE
    -fsanitize=${NAI_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer
  )
  target_link_options(nai_compile INTERFACE -fsanitize=${NAI_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  foreach(flag IN ITEMS
      -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
      -mbranch-protection=standard)
    string(MAKE_C_IDENTIFIER "NAI_HAS${flag}" known)
    check_cxx_compiler_flag("-Werror ${flag}" ${known})
    if(${known})
      target_compile_options(nai_compile INTERFACE ${flag})
    endif()
  endforeach()
  # assert() names the file: by its place in the repository, so that the executable is the same
  # wherever that lies.
  target_compile_options(nai_compile INTERFACE "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=")
  target_compile_options(nai_compile INTERFACE
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -ffunction-sections -fdata-sections
  )
  target_link_options(nai_compile INTERFACE
    -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--gc-sections -s
  )
endif()

if(NAI_STATIC)
  # -static-pie rather than -static keeps address space randomisation.
  target_compile_options(nai_compile INTERFACE -fPIE)
  target_link_options(nai_compile INTERFACE -static-pie)
  # The linker then warns of getaddrinfo, for which glibc would load name service plugins at run
  # time: expected, names resolve without them. (--no-warnings would hide undefined symbols too.)
endif()

function(nai_target target)
  target_link_libraries(${target} PRIVATE nai_compile)
endfunction()
