// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <nai/http/message.hpp>
#include <nai/http/url.hpp>
#include <nai/util/error.hpp>

namespace nai::source {

// How much of an error's body is worth reading.
inline constexpr std::size_t k_max_error_body_bytes = std::size_t{16} * 1024;

// The text that huggingface_hub 0.25 makes of a 4xx or 5xx answer to `url`, which log scrapers
// know.
[[nodiscard]] std::string hub_error_text(const http::Response& response, std::string_view body,
                                         const http::Url& url);

// That text with the documented prefix, as the error that ends the run.
[[nodiscard]] util::Error hub_error(const http::Response& response, std::string_view body,
                                    const http::Url& url);

// The id under which the server knows its answer; empty when it told none. Of any server.
[[nodiscard]] std::string request_id(const http::Response& response);

// "503 Service Unavailable: <the server's messages> (Request ID: ...)" in one line, for causes of
// retries. Of any server, not only the Hub.
[[nodiscard]] std::string server_words(const http::Response& response, std::string_view body);

}  // namespace nai::source
