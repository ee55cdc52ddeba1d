# CURL::libcurl: the pinned libcurl as a static archive, or the system's own.
include_guard(GLOBAL)

if(NAI_SYSTEM_CURL)
  if(NAI_STATIC)
    message(FATAL_ERROR "NAI_SYSTEM_CURL links a shared library, which NAI_STATIC cannot.")
  endif()
  find_package(CURL 7.85 REQUIRED)
  return()
endif()

nai_sources(curl_source curl ${NAI_CURL_VERSION} ${NAI_CURL_SHA256} "${CURL_SOURCE_DIR}")

# HTTP over OpenSSL and nothing besides. Every library left out is one less to link statically and
# one less to watch for security fixes; content codings are never asked for, since what is
# verified are the published bytes.
set(curl_options
  -DCMAKE_BUILD_TYPE=Release
  -DCMAKE_POSITION_INDEPENDENT_CODE=ON
  -DBUILD_SHARED_LIBS=OFF
  -DBUILD_STATIC_LIBS=ON
  -DBUILD_CURL_EXE=OFF
  -DBUILD_TESTING=OFF
  -DBUILD_EXAMPLES=OFF
  -DBUILD_LIBCURL_DOCS=OFF
  -DBUILD_MISC_DOCS=OFF
  -DENABLE_CURL_MANUAL=OFF
  -DPICKY_COMPILER=OFF
  -DCURL_USE_PKGCONFIG=OFF
  -DHTTP_ONLY=ON
  -DCURL_USE_OPENSSL=ON
  -DCURL_CA_BUNDLE=none
  -DCURL_CA_PATH=none
  # The image is read-only and its environment is the Job's: no openssl.cnf is looked for.
  -DCURL_DISABLE_OPENSSL_AUTO_LOAD_CONFIG=ON
  -DENABLE_IPV6=ON
  -DENABLE_THREADED_RESOLVER=ON
  -DENABLE_ARES=OFF
  -DENABLE_UNIX_SOCKETS=OFF
  -DCURL_ZLIB=OFF
  -DCURL_BROTLI=OFF
  -DCURL_ZSTD=OFF
  -DUSE_NGHTTP2=OFF
  -DUSE_LIBIDN2=OFF
  -DCURL_USE_LIBPSL=OFF
  -DCURL_USE_LIBSSH2=OFF
  -DCURL_USE_GSSAPI=OFF
  -DCURL_DISABLE_ALTSVC=ON
  -DCURL_DISABLE_AWS=ON
  -DCURL_DISABLE_COOKIES=ON
  -DCURL_DISABLE_DIGEST_AUTH=ON
  -DCURL_DISABLE_DOH=ON
  -DCURL_DISABLE_FORM_API=ON
  -DCURL_DISABLE_GETOPTIONS=ON
  -DCURL_DISABLE_HSTS=ON
  -DCURL_DISABLE_KERBEROS_AUTH=ON
  -DCURL_DISABLE_MIME=ON
  -DCURL_DISABLE_NEGOTIATE_AUTH=ON
  -DCURL_DISABLE_NETRC=ON
  -DCURL_DISABLE_NTLM=ON
  -DCURL_DISABLE_PROGRESS_METER=ON
  -DCURL_DISABLE_SRP=ON
  -DCURL_DISABLE_WEBSOCKETS=ON
)

nai_deps_directory(curl_prefix curl "${curl_source}" "${curl_options}" "${OPENSSL_VERSION}" 2)
set(curl_archive "${curl_prefix}/lib/libcurl.a")

if(NOT EXISTS "${curl_prefix}/.complete")
  message(STATUS "Building libcurl ${NAI_CURL_VERSION} (once a checkout)")
  set(curl_build "${curl_prefix}/build")
  set(curl_log "${curl_prefix}/build.log")
  file(REMOVE_RECURSE "${curl_prefix}")
  file(MAKE_DIRECTORY "${curl_prefix}")
  nai_run("${curl_log}" "${CMAKE_COMMAND}" -S "${curl_source}" -B "${curl_build}"
    -G "${CMAKE_GENERATOR}"
    "-DCMAKE_C_COMPILER=${CMAKE_C_COMPILER}"
    # The same library wherever it is built.
    "-DCMAKE_C_FLAGS=-ffile-prefix-map=${curl_source}=curl"
    "-DCMAKE_TOOLCHAIN_FILE=${CMAKE_TOOLCHAIN_FILE}"
    "-DCMAKE_C_COMPILER_LAUNCHER=${CMAKE_C_COMPILER_LAUNCHER}"
    "-DCMAKE_INSTALL_PREFIX=${curl_prefix}"
    -DCMAKE_INSTALL_LIBDIR=lib
    "-DOPENSSL_ROOT_DIR=${OPENSSL_ROOT_DIR}"
    -DOPENSSL_USE_STATIC_LIBS=${NAI_STATIC}
    ${curl_options})
  nai_run("${curl_log}" "${CMAKE_COMMAND}" --build "${curl_build}" --parallel)
  nai_run("${curl_log}" "${CMAKE_COMMAND}" --install "${curl_build}")
  file(REMOVE_RECURSE "${curl_build}")
  file(TOUCH "${curl_prefix}/.complete")
endif()

add_library(CURL::libcurl STATIC IMPORTED GLOBAL)
set_target_properties(CURL::libcurl PROPERTIES
  IMPORTED_LOCATION "${curl_archive}"
  INTERFACE_INCLUDE_DIRECTORIES "${curl_prefix}/include"
  INTERFACE_COMPILE_DEFINITIONS CURL_STATICLIB
  INTERFACE_LINK_LIBRARIES "OpenSSL::SSL;OpenSSL::Crypto;Threads::Threads"
)
