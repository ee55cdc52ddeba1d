// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/repository.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace mock {

// Keeps the order in which fields are added, as the Hub has an order of its own.
using Json = nlohmann::ordered_json;

// Paths go out as they are, also when they are not UTF-8.
std::string dump(const Json& json);

// The "lfs" object; its digest is called "oid" in trees and "sha256" in repository infos.
Json lfs_json(const File& file, const char* digest_name);

struct EntryStyle {
  bool with_xet = false;
  bool expand = false;     // with the last commit
  bool has_access = true;  // else the Xet hash is hidden
};

// One item of a tree listing.
Json file_json(const File& file, const Commit& commit, const EntryStyle& style);
Json directory_json(const std::string& path, const Commit& commit, const EntryStyle& style);

std::string fake_xet_hash(const File& file);

// As the Hub takes flags in queries and forms.
bool is_true(const std::optional<std::string>& text);

}  // namespace mock
