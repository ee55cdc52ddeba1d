# Files made at build time: nai_version (the header <nai/version.hpp>) and nai_ca_bundle (the
# trust store inside the executable).
include_guard(GLOBAL)

set(NAI_COMMIT "" CACHE STRING "Commit to name in --version (empty: asked of git)")
set(NAI_CA_BUNDLE "/etc/ssl/certs/ca-certificates.crt" CACHE FILEPATH
  "PEM bundle to embed as the built-in trust store")

set(generated_include "${PROJECT_BINARY_DIR}/generated/include")
set(write_version
  "${CMAKE_COMMAND}"
  "-DVERSION=${PROJECT_VERSION}"
  "-DCOMMIT=${NAI_COMMIT}"
  "-DSOURCE_DIR=${PROJECT_SOURCE_DIR}"
  "-DOUTPUT=${generated_include}/nai/version.hpp"
  -P "${CMAKE_CURRENT_LIST_DIR}/write_version.cmake"
)
# Now, for tools that read sources without building; and at each build, where an unchanged header
# rebuilds nothing.
execute_process(COMMAND ${write_version} COMMAND_ERROR_IS_FATAL ANY)
add_custom_target(nai_write_version
  COMMAND ${write_version}
  BYPRODUCTS "${generated_include}/nai/version.hpp"
  COMMENT "Naming the version"
)
add_library(nai_version INTERFACE)
add_dependencies(nai_version nai_write_version)
target_include_directories(nai_version INTERFACE "${generated_include}")

if(NOT EXISTS "${NAI_CA_BUNDLE}")
  message(FATAL_ERROR
    "${NAI_CA_BUNDLE} does not exist: install ca-certificates or set -DNAI_CA_BUNDLE=.")
endif()
configure_file("${CMAKE_CURRENT_LIST_DIR}/ca_bundle.S.in"
  "${PROJECT_BINARY_DIR}/generated/ca_bundle.S" @ONLY)
add_library(nai_ca_bundle STATIC "${PROJECT_BINARY_DIR}/generated/ca_bundle.S")
set_source_files_properties("${PROJECT_BINARY_DIR}/generated/ca_bundle.S" PROPERTIES
  OBJECT_DEPENDS "${NAI_CA_BUNDLE}")
set_target_properties(nai_ca_bundle PROPERTIES LINKER_LANGUAGE C)
