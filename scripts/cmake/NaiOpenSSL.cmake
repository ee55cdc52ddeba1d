# OpenSSL::SSL and OpenSSL::Crypto. The static executable gets those of a newer Debian, built here:
# from 3.1 on AES-GCM uses the wide vector instructions, which halves what receiving over TLS costs
# beyond the kernel. Everything else uses the machine's own.
include_guard(GLOBAL)

if(NOT NAI_STATIC OR NAI_SYSTEM_OPENSSL)
  set(OPENSSL_USE_STATIC_LIBS ${NAI_STATIC})
  find_package(OpenSSL 3.0 REQUIRED)
  return()
endif()

nai_sources(openssl_source openssl ${NAI_OPENSSL_VERSION} - "${OPENSSL_SOURCE_DIR}")

# TLS 1.2 and 1.3, digests, and what certificates are made of; nothing is loaded at run time.
set(openssl_options
  no-shared no-dso no-module no-engine no-static-engine no-legacy no-autoload-config no-uplink
  no-tests no-apps no-docs
  no-ssl3 no-tls1 no-tls1_1 no-dtls no-quic no-comp no-srp no-ct
  no-cms no-cmp no-ts no-rfc3779
  no-md4 no-mdc2 no-whirlpool no-sm2 no-sm3 no-sm4 no-gost no-dsa no-ml-dsa no-slh-dsa
  no-rc2 no-rc4 no-idea no-seed no-camellia no-aria no-cast no-bf no-ocb no-scrypt
  -fPIC -O2
)

nai_deps_directory(openssl_prefix openssl "${openssl_source}" "${openssl_options}" 2)

if(NOT EXISTS "${openssl_prefix}/.complete")
  message(STATUS "Building OpenSSL (once a checkout; a minute or two)")
  set(openssl_build "${openssl_prefix}/build")
  set(openssl_log "${openssl_prefix}/build.log")
  file(REMOVE_RECURSE "${openssl_prefix}")
  file(MAKE_DIRECTORY "${openssl_build}")
  cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)
  set(openssl_compiler ${CMAKE_C_COMPILER_LAUNCHER} ${CMAKE_C_COMPILER})
  list(JOIN openssl_compiler " " openssl_compiler)
  # No configuration or certificate is ever looked for below this directory. It, the compiler and
  # the time become part of the library, so they are the same whoever builds it and where.
  nai_run("${openssl_log}" WORKING_DIRECTORY "${openssl_build}"
    "${CMAKE_COMMAND}" -E env "CC=${CMAKE_C_COMPILER}" "AR=${CMAKE_AR}" "RANLIB=${CMAKE_RANLIB}"
    "${openssl_source}/Configure" "linux-${CMAKE_SYSTEM_PROCESSOR}"
    --prefix=/nonexistent --libdir=lib --openssldir=/nonexistent ${openssl_options})
  nai_run("${openssl_log}" WORKING_DIRECTORY "${openssl_build}"
    "${CMAKE_COMMAND}" -E env SOURCE_DATE_EPOCH=0 make crypto/buildinf.h)
  nai_run("${openssl_log}" WORKING_DIRECTORY "${openssl_build}"
    make "-j${cores}" "CC=${openssl_compiler}" build_libs)
  nai_run("${openssl_log}" WORKING_DIRECTORY "${openssl_build}"
    make "DESTDIR=${openssl_prefix}" install_dev)
  foreach(part IN ITEMS include lib)
    file(RENAME "${openssl_prefix}/nonexistent/${part}" "${openssl_prefix}/${part}")
  endforeach()
  file(REMOVE_RECURSE "${openssl_build}")
  file(TOUCH "${openssl_prefix}/.complete")
endif()

file(READ "${openssl_source}/VERSION.dat" openssl_version)
string(REGEX REPLACE ".*MAJOR=([0-9]+).*MINOR=([0-9]+).*PATCH=([0-9]+).*" "\\1.\\2.\\3"
  OPENSSL_VERSION "${openssl_version}")
add_library(OpenSSL::Crypto STATIC IMPORTED GLOBAL)
set_target_properties(OpenSSL::Crypto PROPERTIES
  IMPORTED_LOCATION "${openssl_prefix}/lib/libcrypto.a"
  INTERFACE_INCLUDE_DIRECTORIES "${openssl_prefix}/include"
  INTERFACE_LINK_LIBRARIES "Threads::Threads"
)
add_library(OpenSSL::SSL STATIC IMPORTED GLOBAL)
set_target_properties(OpenSSL::SSL PROPERTIES
  IMPORTED_LOCATION "${openssl_prefix}/lib/libssl.a"
  INTERFACE_INCLUDE_DIRECTORIES "${openssl_prefix}/include"
  INTERFACE_LINK_LIBRARIES "OpenSSL::Crypto"
)
# For libcurl's own build.
set(OPENSSL_ROOT_DIR "${openssl_prefix}")
