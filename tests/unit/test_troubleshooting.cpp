// SPDX-License-Identifier: Apache-2.0
// Holds docs/troubleshooting.md to the program, in both directions: each message on the page is one
// that the program has, and each sentence that can end a run is on the page. With NAI_UPDATE=1 in
// the environment the list of those is written anew.
#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <catch2/catch_test_macros.hpp>

#include <nai/util/error.hpp>
#include <nai/util/text.hpp>

#include "app/exit_status.hpp"
#include "support/reference.hpp"
#include "support/temporary_directory.hpp"

namespace {

using nai::app::describe_failure;
using nai::app::name_of;
using nai::test::project_directory;
using nai::test::read_file;
using nai::util::Error;
using nai::util::ErrorKind;

constexpr std::string_view k_dots = "…";

std::filesystem::path page_file() { return project_directory() / "docs/troubleshooting.md"; }

// As the compiler does with literals that follow each other.
std::string joined(std::string_view text) {
  constexpr std::string_view k_break = "\"\n";
  std::string result;
  for (auto at = text.find(k_break); at != std::string_view::npos; at = text.find(k_break)) {
    const auto next = text.find_first_not_of(" \n", at + k_break.size());
    const bool goes_on = next != std::string_view::npos && text[next] == '"';
    result += text.substr(0, goes_on ? at : next);
    text.remove_prefix(goes_on ? next + 1 : std::min(next, text.size()));
  }
  return result.append(text);
}

// All sources below `directory` as one text, literals that go on in the next line joined.
std::string sources(const std::string& directory = "src") {
  std::string text;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(project_directory() / directory)) {
    // Where kinds are named for other reasons than to report one.
    const auto file = entry.path().filename();
    if (entry.path().extension() == ".cpp" && file != "exit_status.cpp" && file != "finding.cpp") {
      text += read_file(entry.path());
    }
  }
  return joined(text);
}

// The first string literal from `begin` to the end of the call, braces or statement it stands in.
std::string literal_after(const std::string& text, std::size_t begin) {
  int depth = 0;
  for (auto at = begin; at < text.size() && depth >= 0 && text[at] != ';'; ++at) {
    depth += text[at] == '(' || text[at] == '{' ? 1 : text[at] == ')' || text[at] == '}' ? -1 : 0;
    if (text[at] != '"') {
      continue;
    }
    std::string literal;
    for (++at; at < text.size() && text[at] != '"'; ++at) {
      const bool escaped = text[at] == '\\';
      at += escaped ? 1 : 0;
      literal += escaped && text[at] == 'n' ? '\n' : text[at];
    }
    return literal;
  }
  return {};
}

// As the page has it: "cannot open …".
std::string shown(const std::string& literal) {
  static const std::vector<std::pair<std::regex, const char*>> rules{
      {std::regex(R"(\{[^}]*\})"), "…"},
      {std::regex("\n.*"), ""},
      {std::regex("`"), "'"},
      // What is put together of parts.
      {std::regex("^(?=[ ,;])"), "…"},
      {std::regex("^(?=(which|and|has|is|names|cannot be used)\\b)"), "… "},
      {std::regex(" $"), " …"},
      {std::regex("(…)+"), "…"},
  };
  auto text = literal;
  for (const auto& [pattern, replacement] : rules) {
    text = std::regex_replace(text, pattern, replacement);
  }
  return text;
}

// The sentences that can end a run, by the name of their kind.
std::map<std::string, std::set<std::string>> sentences() {
  std::map<std::string, std::set<std::string>> result;
  static const std::regex k_words("[a-z]{3}");
  constexpr auto k_here =
      std::regex_constants::match_continuous | std::regex_constants::match_prev_avail;
  // Where `word` stands, which finds the places for the slow `pattern` that begins with it.
  const auto collect = [&](const std::string& text, const char* word, const char* pattern,
                           const char* kind) {
    const std::regex begin(pattern);
    for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
      std::smatch found;
      if (!std::regex_search(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), found,
                             begin, k_here)) {
        continue;
      }
      const auto after = at + static_cast<std::size_t>(found.length());
      const auto sentence = shown(literal_after(text, after));
      // What is only put together from parts stands with the parts.
      if (std::regex_search(sentence, k_words)) {
        result[kind == nullptr ? std::string(found[1]) : kind].insert(sentence);
      }
    }
  };
  const auto all = sources();
  collect(all, "ErrorKind::", R"(\bErrorKind::(\w+),)", nullptr);
  collect(all, "storage_error(", R"(\bstorage_error\()", "storage");
  collect(all, "network_error(", R"(\bnetwork_error\()", "temporary");
  collect(sources("src/app"), "refuse", R"(\brefuse(?:_argument)?\((?!const |std::string_view))",
          "usage");
  result.erase("interrupted");
  return result;
}

std::string list_of_sentences() {
  auto all = sentences();
  std::string text;
  for (int kind = 0; kind <= static_cast<int>(ErrorKind::interrupted); ++kind) {
    const auto failure = describe_failure(Error(static_cast<ErrorKind>(kind), "CAUSE"));
    auto found = all[name_of(failure.kind)];
    if (failure.kind == ErrorKind::no_space) {
      // The system's own words tell it from others.
      found = {"…: No space left on device", "…: Disk quota exceeded", "…: File too large"};
    }
    if (found.empty()) {
      continue;
    }
    text += fmt::format("\n### {}: {}\n\n{}\n\n", failure.exit_status,
                        failure.text.substr(0, failure.text.find_first_of(":\n")),
                        failure.text.substr(failure.text.rfind('\n') + 1));
    for (const auto& sentence : found) {
      text += fmt::format("- `{}`\n", sentence);
    }
  }
  return text + "\n";
}

}  // namespace

TEST_CASE("Every message of the troubleshooting page is one that the program has", "[app][docs]") {
  const auto text = sources();
  std::size_t messages = 0;
  const auto page = read_file(page_file());
  for (const auto line : nai::util::split(page, '\n')) {
    if (!line.starts_with("| `")) {
      continue;
    }
    ++messages;
    std::string message(line.substr(3, line.find('`', 3) - 3));
    for (auto at = message.find(k_dots); at != std::string::npos; at = message.find(k_dots)) {
      message.replace(at, k_dots.size(), "\n");
    }
    for (const auto part : nai::util::split(message, '\n')) {
      INFO(part);
      CHECK(text.find(part) != std::string::npos);
    }
  }
  CHECK(messages > 20);
}

TEST_CASE("The troubleshooting page has every sentence that can end a run", "[app][docs]") {
  auto page = read_file(page_file());
  constexpr std::string_view k_opening = "<!-- sentences -->\n";
  const auto begin = page.find(k_opening);
  const auto end = page.find("<!-- end of sentences -->");
  REQUIRE(begin != std::string::npos);
  REQUIRE(end != std::string::npos);
  const auto wanted = list_of_sentences();
  const auto content = begin + k_opening.size();
  if (std::getenv("NAI_UPDATE") != nullptr) {
    std::ofstream(page_file()) << page.replace(content, end - content, wanted);
    return;
  }
  CHECK(page.substr(content, end - content) == wanted);
  CHECK(std::count(wanted.begin(), wanted.end(), '`') > 200);
}
