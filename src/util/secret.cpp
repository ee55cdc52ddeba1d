// SPDX-License-Identifier: Apache-2.0
#include <nai/util/secret.hpp>

#include <algorithm>
#include <cstddef>

namespace nai::util {

namespace {

constexpr std::string_view k_mark = "***";
constexpr std::string_view k_cut = "...";
constexpr std::size_t k_shortest_rest = 4;  // fewer bytes match anything

// How many bytes at the end of `text` are the beginning of `secret`.
std::size_t rest_of(std::string_view secret, std::string_view text) {
  for (std::size_t size = std::min(secret.size(), text.size()); size >= k_shortest_rest; --size) {
    if (text.ends_with(secret.substr(0, size))) {
      return size;
    }
  }
  return 0;
}

}  // namespace

void mask(std::string& text, std::string_view secret) {
  if (secret.empty()) {
    return;
  }
  for (auto at = text.find(secret); at != std::string::npos;
       at = text.find(secret, at + k_mark.size())) {
    text.replace(at, secret.size(), k_mark);
  }
  for (auto at = text.find(k_cut); at != std::string::npos; at = text.find(k_cut, at)) {
    const std::size_t rest = rest_of(secret, std::string_view(text).substr(0, at));
    if (rest > 0) {
      text.replace(at - rest, rest, k_mark);
      at = at - rest + k_mark.size();
    }
    at += k_cut.size();
  }
}

}  // namespace nai::util
