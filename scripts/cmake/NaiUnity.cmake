# Compiles several sources at a time: what a source includes (the standard library, JSON, Catch2)
# takes longer than the source itself, most of all with sanitizers. Off, a change to one source
# compiles that one alone.
include_guard(GLOBAL)

option(NAI_UNITY "Compile several sources at a time" OFF)
set(NAI_UNITY_BATCH 8)

# The sources of a library. Names in their unnamed namespaces must then differ from each other.
#
#   nai_unity(<target>)
function(nai_unity target)
  if(NAI_UNITY)
    set_target_properties(${target} PROPERTIES
      UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${NAI_UNITY_BATCH})
    # Warns of members of unnamed types in files that are included.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  endif()
endfunction()

# The sources of a test program, whose names may be the same: what all of a batch include comes
# first, then each source in a namespace of its own. Those that open a namespace with a name, or
# define a macro, are compiled alone.
#
#   nai_unity_tests(<result> <name> <source>...)
function(nai_unity_tests result name)
  set(alone "")
  set(batched "")
  foreach(source IN LISTS ARGN)
    file(STRINGS "${source}" special REGEX "^(namespace [a-zA-Z]|#define )" LIMIT_COUNT 1)
    if(NAI_UNITY AND NOT special)
      list(APPEND batched "${source}")
    else()
      list(APPEND alone "${source}")
    endif()
  endforeach()
  set(number 0)
  while(batched)
    list(SUBLIST batched 0 ${NAI_UNITY_BATCH} batch)
    list(REMOVE_ITEM batched ${batch})
    set(includes "")
    set(sources "")
    foreach(source IN LISTS batch)
      file(STRINGS "${source}" lines REGEX "^#include ")
      list(APPEND includes ${lines})
      cmake_path(GET source STEM stem)
      string(APPEND sources "namespace unity_${stem} {\n#include \"${source}\"\n}\n")
    endforeach()
    list(REMOVE_DUPLICATES includes)
    list(JOIN includes "\n" includes)
    set(unit "${CMAKE_CURRENT_BINARY_DIR}/unity/${name}_${number}.cpp")
    file(CONFIGURE OUTPUT "${unit}" CONTENT "${includes}\n${sources}" @ONLY)
    list(APPEND alone "${unit}")
    math(EXPR number "${number} + 1")
  endwhile()
  if(NAI_UNITY)
    # An include that a source gets or loses.
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${ARGN})
  endif()
  set(${result} "${alone}" PARENT_SCOPE)
endfunction()
