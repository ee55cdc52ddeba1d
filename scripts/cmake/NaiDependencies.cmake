# The libraries this project stands on. libcurl, Catch2 and the static executable's OpenSSL are
# built here, at configure time, from the source packages of a newer Debian; everything else comes
# from the machine's packages.
#
# Sources and what is built from them stand beside the build directories (build/_sources and
# build/_deps), so that all presets of one checkout share one download and one build.
include_guard(GLOBAL)

set(NAI_CURL_VERSION 8.14.1)
set(NAI_CURL_SHA256 6766ada7101d292b42b8b15681120acd68effa4a9660935853cf6d61f0d984d4)
set(NAI_CATCH2_VERSION 3.7.1)
set(NAI_CATCH2_SHA256 c991b247a1a0d7bb9c39aa35faf0fe9e19764213f28ffba3109388e62ee0269c)

# The newest of Debian's long-term line: its fixes come as new upstream versions.
set(NAI_OPENSSL_VERSION 3.5.)

set(CURL_SOURCE_DIR "" CACHE PATH "Unpacked sources of libcurl (empty: fetched)")
set(CATCH2_SOURCE_DIR "" CACHE PATH "Unpacked sources of Catch2 (empty: fetched)")
set(OPENSSL_SOURCE_DIR "" CACHE PATH "Unpacked sources of OpenSSL (empty: fetched)")

cmake_path(GET PROJECT_BINARY_DIR PARENT_PATH nai_shared_dir)
if(NOT nai_shared_dir STREQUAL "${PROJECT_SOURCE_DIR}/build")
  set(nai_shared_dir "${PROJECT_BINARY_DIR}")
endif()
set(nai_source_cache "${nai_shared_dir}/_sources")
if(DEFINED ENV{NAI_SOURCE_CACHE} AND NOT "$ENV{NAI_SOURCE_CACHE}" STREQUAL "")
  set(nai_source_cache "$ENV{NAI_SOURCE_CACHE}")
endif()
set(NAI_SOURCE_CACHE "${nai_source_cache}" CACHE PATH "Where fetched sources are kept")
set(NAI_DEPS_DIR "${nai_shared_dir}/_deps" CACHE PATH "Where the libraries built from them are kept")

# Two presets may be configured at the same time.
file(MAKE_DIRECTORY "${NAI_SOURCE_CACHE}" "${NAI_DEPS_DIR}")
file(LOCK "${NAI_SOURCE_CACHE}" DIRECTORY GUARD FILE TIMEOUT 900)
file(LOCK "${NAI_DEPS_DIR}" DIRECTORY GUARD FILE TIMEOUT 900)

# Sets <result> to the sources of a package: <override> if given, else fetched once.
function(nai_sources result package version sha256 override)
  if(override)
    set(${result} "${override}" PARENT_SCOPE)
    return()
  endif()
  set(directory "${NAI_SOURCE_CACHE}/${package}-${version}")
  if(NOT EXISTS "${directory}/.debian-version")
    execute_process(
      COMMAND "${PROJECT_SOURCE_DIR}/scripts/fetch-debian-source"
              ${package} ${version} ${sha256} "${directory}"
      RESULT_VARIABLE failed
    )
    if(failed)
      string(TOUPPER "${package}" name)
      message(FATAL_ERROR
        "The sources of ${package} ${version} are missing. The line above says why. "
        "-D${name}_SOURCE_DIR= takes sources that are already on this machine.")
    endif()
  endif()
  set(${result} "${directory}" PARENT_SCOPE)
endfunction()

# Sets <result> to a directory named after what goes into the library: another compiler, another
# version or other options never meet a stale archive.
function(nai_deps_directory result name source)
  set(stamp "${source}")
  if(EXISTS "${source}/.debian-version")
    file(READ "${source}/.debian-version" stamp)
  endif()
  string(SHA256 hash
    "${stamp};${CMAKE_CXX_COMPILER_ID};${CMAKE_CXX_COMPILER_VERSION};${CMAKE_SYSTEM_PROCESSOR};${ARGN}")
  string(SUBSTRING "${hash}" 0 12 hash)
  set(${result} "${NAI_DEPS_DIR}/${name}-${hash}" PARENT_SCOPE)
endfunction()

#   nai_run(<log> [WORKING_DIRECTORY <directory>] <command>...)
function(nai_run log)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "WORKING_DIRECTORY" "")
  set(command ${arg_UNPARSED_ARGUMENTS})
  set(directory "${PROJECT_BINARY_DIR}")
  if(arg_WORKING_DIRECTORY)
    set(directory "${arg_WORKING_DIRECTORY}")
  endif()
  execute_process(COMMAND ${command} WORKING_DIRECTORY "${directory}"
    RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
  file(APPEND "${log}" "${output}")
  if(failed)
    message(FATAL_ERROR "A command failed, its output is in ${log}: ${command}")
  endif()
endfunction()

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
include(NaiOpenSSL)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(fmt 9.1 REQUIRED)
find_path(NAI_XXHASH_INCLUDE_DIR xxhash.h REQUIRED)

# What layers of container images are packed with, and what the manifests in them are written in.
find_library(NAI_ZLIB NAMES libz.a z REQUIRED)
find_library(NAI_ZSTD NAMES libzstd.a zstd REQUIRED)
find_library(NAI_YAML NAMES libyaml.a yaml REQUIRED)

add_library(nai_xxhash INTERFACE)
target_include_directories(nai_xxhash SYSTEM INTERFACE "${NAI_XXHASH_INCLUDE_DIR}")

include(NaiFmt)
include(NaiCurl)
if(NAI_TEST_SUITES)
  include(NaiCatch2)
endif()
