// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <nai/storage/layout.hpp>

namespace nai::storage {

// A symbolic link below model-files.
struct ArrangedLink {
  std::string path;
  std::string target;  // relative to the link's directory

  friend bool operator==(const ArrangedLink&, const ArrangedLink&) = default;
};

// A small text below model-files that tells readers that the rest is there.
struct ArrangedText {
  std::string path;
  std::string text;

  friend bool operator==(const ArrangedText&, const ArrangedText&) = default;
};

// What stands around the files for a reader that looks them up by other names. All paths are
// checked already.
struct Arrangement {
  std::vector<ArrangedLink> links = {};
  std::vector<ArrangedText> texts = {};
  std::vector<std::string> directories = {};

  [[nodiscard]] bool empty() const { return links.empty() && texts.empty(); }
};

// Makes the directories, then the links, then the texts, so that who finds a text finds all else.
// Every link must lead to a file. Whatever stands at a link's place is replaced at once, but a
// directory is not. Throws Error{storage or no_space}.
void arrange(const Layout& layout, const Arrangement& arrangement);

// Whether all of it is there, unchanged.
[[nodiscard]] bool is_arranged(const Layout& layout, const Arrangement& arrangement);

// Removes the texts, then the links of `old` that `now` does not have and that are unchanged, with
// directories that become empty. Returns how many. Throws Error{storage}.
std::size_t remove_arrangement(const Layout& layout, const Arrangement& old,
                               const Arrangement& now);

}  // namespace nai::storage
