# Toolchain: Debian's cross compiler for arm64 (g++-aarch64-linux-gnu, which brings a static libc).
# What the amd64 executable takes from the machine's packages is unpacked here from Debian's own
# for arm64; libcurl and OpenSSL are built from the same sources as ever. `scripts/setup arm64`.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static)

cmake_path(SET nai_arm64_root NORMALIZE "${CMAKE_CURRENT_LIST_DIR}/../../build/_deps/arm64-root")
if(NOT EXISTS "${nai_arm64_root}/.packages")
  execute_process(
    COMMAND "${CMAKE_CURRENT_LIST_DIR}/../fetch-debian-packages" arm64 "${nai_arm64_root}"
            nlohmann-json3-dev libcli11-dev libfmt-dev libfmt9 libxxhash-dev
            zlib1g-dev libzstd-dev libyaml-dev
    COMMAND_ERROR_IS_FATAL ANY)
endif()
set(CMAKE_FIND_ROOT_PATH "${nai_arm64_root}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_LIBRARY_PATH "/usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}")

# Behind the compiler's own directories: only what is not there.
set(nai_arm64_headers "-idirafter ${nai_arm64_root}/usr/include \
-idirafter ${nai_arm64_root}/usr/include/${CMAKE_LIBRARY_ARCHITECTURE}")
set(CMAKE_C_FLAGS_INIT "${nai_arm64_headers}")
set(CMAKE_CXX_FLAGS_INIT "${nai_arm64_headers}")
