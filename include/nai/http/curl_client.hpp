// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <nai/http/client.hpp>

namespace nai::http {

// Everything that shapes connections. Defaults need no tuning.
struct CurlClientOptions {
  std::string user_agent = "nai-model-processor";
  std::chrono::seconds connect_timeout{30};
  // A body must come at `stall_bytes_per_second` or faster; slower for this long is a stall. It is
  // also what a server may take for its complete header, on top of the connect timeout.
  std::chrono::seconds stall_timeout{30};
  std::uint32_t stall_bytes_per_second = 1024;
  // PEM files and directories added to the built-in trust store, in the order given.
  std::vector<std::filesystem::path> extra_ca_files = {};
  std::vector<std::filesystem::path> extra_ca_directories = {};
};

// The libcurl implementation: HTTP/1.1, TLS 1.2 or newer with verification always on, proxies from
// the environment as curl reads them, shared DNS cache and trust store, a pool of easy handles (one
// for each request in flight). Construct one a process, in main, before any thread; the process
// must ignore SIGPIPE. Throws Error{usage} when an extra CA file cannot be read.
[[nodiscard]] std::unique_ptr<Client> make_curl_client(const CurlClientOptions& options);

// "libcurl/8.14.1 OpenSSL/3.0.19", for --version.
[[nodiscard]] std::string http_library_versions();

}  // namespace nai::http
