// SPDX-License-Identifier: Apache-2.0
// parse_repository() of hugging_face.hpp.
#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include <nai/source/hugging_face.hpp>
#include <nai/util/error.hpp>
#include <nai/util/text.hpp>

namespace nai::source {

namespace {

constexpr std::size_t k_max_name_bytes = 96;
constexpr std::size_t k_max_shown_repo_bytes = 200;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_name(std::string_view name) {
  return !name.empty() && is_word(name.front()) && is_word(name.back()) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return is_word(c) || c == '-' || c == '.'; });
}

bool strip_prefix(std::string_view& text, std::string_view prefix) {
  if (text.size() < prefix.size() ||
      !util::equals_ignoring_case(text.substr(0, prefix.size()), prefix)) {
    return false;
  }
  text.remove_prefix(prefix.size());
  return true;
}

std::string_view without_site(std::string_view id) {
  constexpr std::array<std::string_view, 3> k_sites = {"huggingface.co/", "hf.co/",
                                                       "huggingface.com/"};
  std::string_view rest = id;
  const bool has_scheme = strip_prefix(rest, "https://") || strip_prefix(rest, "http://");
  const bool has_site = std::any_of(k_sites.begin(), k_sites.end(), [&](std::string_view site) {
    return strip_prefix(rest, site);
  });
  if (!has_site) {
    return id;
  }
  // As a browser's address line has it.
  if (has_scheme && rest.ends_with('/')) {
    rest.remove_suffix(1);
  }
  return rest;
}

std::string_view problem_of(std::string_view id) {
  const auto slash = id.find('/');
  const std::string_view name = slash == std::string_view::npos ? id : id.substr(slash + 1);
  if (id.empty()) {
    return "it is empty";
  }
  if (name.find('/') != std::string_view::npos) {
    return "it has more than one '/'";
  }
  if (id.find("..") != std::string_view::npos || id.find("--") != std::string_view::npos) {
    return "it has \"..\" or \"--\"";
  }
  if ((slash != std::string_view::npos && !is_name(id.substr(0, slash))) || !is_name(name)) {
    return "names are made of letters, digits, '-', '_' and '.', and begin and end with a letter, "
           "a digit or '_'";
  }
  if (name.size() > k_max_name_bytes) {
    return "the name has more than 96 characters";
  }
  if (id.ends_with(".git")) {
    return "it ends with \".git\"";
  }
  return {};
}

}  // namespace

std::string parse_repository(std::string_view repo_id) {
  const std::string_view id = without_site(util::trim(repo_id));
  if (const std::string_view problem = problem_of(id); !problem.empty()) {
    throw util::Error(util::ErrorKind::usage,
                      fmt::format("\"{}\" is not a repository such as org/name: {}",
                                  util::printable(repo_id, k_max_shown_repo_bytes), problem));
  }
  return std::string(id);
}

}  // namespace nai::source
