// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <nai/digest/digest.hpp>
#include <nai/http/url.hpp>

namespace nai::source {

// Which image of which registry.
struct ImageReference {
  http::Url registry;      // https://nvcr.io; http only where the reference says so
  std::string repository;  // nim/meta/llama-3.1-8b-instruct
  std::string tag;         // of the reference, or "latest"; of no importance with a digest
  std::optional<digest::Digest> digest;

  // "nvcr.io": with the port, if there is one.
  [[nodiscard]] std::string host() const;
  // "nvcr.io/nim/meta/llama-3.1-8b-instruct:1.2.2", or with "@sha256:..." in place of the tag.
  [[nodiscard]] std::string to_string() const;
  // What stands behind /manifests/ in an address.
  [[nodiscard]] std::string version() const { return digest ? digest->to_string() : tag; }
};

// Parses "[https://][host[:port]/]name[/name...][:tag][@sha256:digest]". Without a host it is
// nvcr.io's. Throws Error{usage} with the reason.
[[nodiscard]] ImageReference parse_image(std::string_view text);

}  // namespace nai::source
