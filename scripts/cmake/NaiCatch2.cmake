# Catch2::Catch2WithMain from the pinned sources, and the function catch_discover_tests.
include_guard(GLOBAL)

nai_sources(catch2_source catch2 ${NAI_CATCH2_VERSION} ${NAI_CATCH2_SHA256} "${CATCH2_SOURCE_DIR}")

# One amalgamated file compiles several times faster than the hundred it is made of.
set(catch2_flags -std=c++20 -O1 -fPIC)
nai_deps_directory(catch2_prefix catch2 "${catch2_source}" "${catch2_flags}")

if(NOT EXISTS "${catch2_prefix}/.complete")
  message(STATUS "Building Catch2 ${NAI_CATCH2_VERSION} (once a checkout)")
  set(catch2_log "${catch2_prefix}/build.log")
  file(REMOVE_RECURSE "${catch2_prefix}")
  file(COPY "${catch2_source}/src/catch2" DESTINATION "${catch2_prefix}/include"
    FILES_MATCHING PATTERN "*.hpp")
  set(CATCH_CONFIG_DEFAULT_REPORTER console)
  set(CATCH_CONFIG_CONSOLE_WIDTH 100)
  configure_file("${catch2_source}/src/catch2/catch_user_config.hpp.in"
    "${catch2_prefix}/include/catch2/catch_user_config.hpp")
  nai_run("${catch2_log}" ${CMAKE_CXX_COMPILER_LAUNCHER} "${CMAKE_CXX_COMPILER}" ${catch2_flags}
    -c "${catch2_source}/extras/catch_amalgamated.cpp"
    -o "${catch2_prefix}/catch_amalgamated.o")
  nai_run("${catch2_log}" "${CMAKE_AR}" rcs
    "${catch2_prefix}/libCatch2.a" "${catch2_prefix}/catch_amalgamated.o")
  file(TOUCH "${catch2_prefix}/.complete")
endif()

add_library(Catch2::Catch2WithMain STATIC IMPORTED GLOBAL)
set_target_properties(Catch2::Catch2WithMain PROPERTIES
  IMPORTED_LOCATION "${catch2_prefix}/libCatch2.a"
  INTERFACE_INCLUDE_DIRECTORIES "${catch2_prefix}/include"
)

include("${catch2_source}/extras/Catch.cmake")
