// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include <nai/storage/layout.hpp>
#include <nai/storage/record.hpp>

namespace nai::storage {

// What huggingface_hub, from 0.23 on, would keep of `files` below model-files
// (Layout::k_local_caches) if it had downloaded them as a local directory; with it, it takes them
// for up to date and fetches nothing. What belongs to other files, and unfinished downloads, is
// removed. `files` are in place and verified; `commit` is a full one, else nothing is done. Not
// synced: whoever finds it torn checks the files themselves. Blocks. Throws Error{storage or
// no_space}.
void write_local_metadata(const Layout& layout, std::string_view commit,
                          const std::vector<RecordedFile>& files);

// Whether `path`, relative to model-files, is one of huggingface_hub's own files there.
[[nodiscard]] bool is_local_metadata(std::string_view path);

// Whether `revision` is a full commit as the Hub has them.
[[nodiscard]] bool is_commit(std::string_view revision);

// Whether the Hub names a file by this digest.
[[nodiscard]] bool is_entity_tag(const digest::Digest& digest);

}  // namespace nai::storage
