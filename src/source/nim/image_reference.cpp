// SPDX-License-Identifier: Apache-2.0
#include <source/nim/image_reference.hpp>

#include <algorithm>

#include <fmt/format.h>

#include <nai/util/error.hpp>
#include <nai/util/text.hpp>

namespace nai::source {

namespace {

constexpr std::string_view k_default_host = "nvcr.io";
constexpr std::size_t k_max_repository_bytes = 255;
constexpr std::size_t k_max_tag_bytes = 128;

[[noreturn]] void refuse_reference(std::string_view text, std::string_view why) {
  throw util::Error(
      util::ErrorKind::usage,
      fmt::format("\"{}\" is no image reference: {}; expected one such as "
                  "nvcr.io/nim/meta/llama-3.1-8b-instruct:1.2.2, with a tag or @sha256:...",
                  util::printable(text, 200), why));
}

bool is_lower_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*
bool is_name_part(std::string_view part) {
  if (part.empty() || !is_lower_alnum(part.front()) || !is_lower_alnum(part.back())) {
    return false;
  }
  for (std::size_t at = 0; at < part.size();) {
    if (is_lower_alnum(part[at])) {
      ++at;
      continue;
    }
    const auto end =
        std::find_if(part.begin() + static_cast<std::ptrdiff_t>(at), part.end(), is_lower_alnum);
    const auto length = static_cast<std::size_t>(end - part.begin()) - at;
    const std::string_view between = part.substr(at, length);
    const bool dashes = between.find_first_not_of('-') == std::string_view::npos;
    if (!dashes && between != "." && between != "_" && between != "__") {
      return false;
    }
    at += length;
  }
  return true;
}

bool is_tag(std::string_view tag) {
  const auto word = [](char c) { return is_lower_alnum(c) || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !tag.empty() && tag.size() <= k_max_tag_bytes && word(tag.front()) &&
         std::all_of(tag.begin(), tag.end(),
                     [&](char c) { return word(c) || c == '.' || c == '-'; });
}

// The rule of Docker's own tools: a first part that cannot be part of a name is a host.
bool looks_like_host(std::string_view first) {
  return first.find_first_of(".:") != std::string_view::npos || first == "localhost";
}

// "https://host/" in front of the name, cut off from `rest`.
http::Url take_registry(std::string_view text, std::string_view& rest) {
  std::string scheme = "https://";
  bool names_host = false;
  for (const std::string_view given : {"https://", "http://", "docker://"}) {
    if (rest.starts_with(given)) {
      rest.remove_prefix(given.size());
      scheme = given == "http://" ? "http://" : "https://";
      names_host = given != "docker://";
    }
  }
  std::string_view host = k_default_host;
  const auto slash = rest.find('/');
  const std::string_view first = rest.substr(0, slash);
  if (slash != std::string_view::npos && (names_host || looks_like_host(first))) {
    host = first;
    rest.remove_prefix(slash + 1);
  }
  if (const auto at = host.rfind('@'); at != std::string_view::npos) {
    refuse_reference("..." + std::string(host.substr(at)),
                     "it has a user or secret in front of the host");
  }
  const auto url = http::Url::parse(scheme + std::string(host));
  if (!url || host.find_first_of("?#") != std::string_view::npos) {
    refuse_reference(text, fmt::format("\"{}\" is no host", util::printable(host, 100)));
  }
  return *url;
}

}  // namespace

std::string ImageReference::host() const {
  const std::string shown = registry.display();
  const auto begin = shown.find("://") + 3;
  const std::string bare = shown.substr(begin, shown.find('/', begin) - begin);
  // A default port is not shown, but may be all that tells a host from a part of the name.
  return looks_like_host(bare) ? bare : fmt::format("{}:{}", bare, registry.port());
}

std::string ImageReference::to_string() const {
  return digest ? fmt::format("{}/{}@{}", host(), repository, digest->to_string())
                : fmt::format("{}/{}:{}", host(), repository, tag);
}

ImageReference parse_image(std::string_view text) {
  std::string_view rest = util::trim(text);
  http::Url registry = take_registry(text, rest);
  ImageReference image{.registry = std::move(registry), .repository = {}, .tag = {}, .digest = {}};
  if (const auto at = rest.find('@'); at != std::string_view::npos) {
    const std::string_view digest = rest.substr(at + 1);
    image.digest = digest::Digest::parse(digest);
    if (!image.digest || image.digest->algorithm() != digest::Algorithm::sha256) {
      refuse_reference(text, "what follows @ is not sha256: and 64 hexadecimal digits");
    }
    rest = rest.substr(0, at);
  }
  image.tag = "latest";
  if (const auto colon = rest.find(':'); colon != std::string_view::npos) {
    image.tag = rest.substr(colon + 1);
    if (!is_tag(image.tag)) {
      refuse_reference(text, "a tag has up to 128 letters, digits, '_', '.' and '-'");
    }
    rest = rest.substr(0, colon);
  }
  image.repository = rest;
  const auto parts = util::split(rest, '/');
  if (rest.size() > k_max_repository_bytes ||
      !std::all_of(parts.begin(), parts.end(), is_name_part)) {
    refuse_reference(text,
                     fmt::format("\"{}\" is no repository name (lower case letters, digits, and "
                                 "single '.', '_', '-' and '/' between them)",
                                 util::printable(rest, 100)));
  }
  return image;
}

}  // namespace nai::source
