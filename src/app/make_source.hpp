// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include <nai/http/client.hpp>
#include <nai/http/curl_client.hpp>
#include <nai/source/hugging_face.hpp>
#include <nai/source/source.hpp>
#include <nai/util/clock.hpp>
#include <nai/util/log.hpp>

#include "app/config.hpp"

namespace nai::app {

// How the configuration wants connections made. Looks at the extra certificates; throws
// Error{usage} naming the variable when one is not there.
[[nodiscard]] http::CurlClientOptions client_options(const Config& config);

// The client for that, which tells `log` of each request if it wants to know. Throws Error{usage}
// naming the variable when a certificate cannot be used.
[[nodiscard]] std::unique_ptr<http::Client> make_client(const Config& config, util::Log& log);

// The repository of the Hub that the configuration names, and how to talk to the Hub.
[[nodiscard]] source::HuggingFaceOptions hub_options(const Config& config);

// The repository of the Hub that the configuration names; make_nim() is for images. `client`,
// `clock` and `log` must outlive it.
[[nodiscard]] std::unique_ptr<source::Source> make_source(const Config& config,
                                                          http::Client& client, util::Clock& clock,
                                                          util::Log& log);

// "https://huggingface.co/org/name": the source as the completion record names it.
[[nodiscard]] std::string source_name(const Config& config);

// The patterns in force as one line of text, or what is wanted of an image; empty for the built-in
// rule.
[[nodiscard]] std::string selection_name(const Config& config);

}  // namespace nai::app
