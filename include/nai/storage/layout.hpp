// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <nai/digest/digest.hpp>

namespace nai::storage {

// Where everything lies on the volume. Pure path arithmetic.
class Layout {
 public:
  // `shard`: the one of several pods whose own files these are.
  explicit Layout(std::filesystem::path mount, std::optional<std::size_t> shard = {});

  [[nodiscard]] const std::filesystem::path& mount() const { return m_mount; }
  [[nodiscard]] std::optional<std::size_t> shard() const { return m_shard; }
  // What is served: only verified files, ever.
  [[nodiscard]] std::filesystem::path model_files() const { return m_mount / "model-files"; }
  [[nodiscard]] std::filesystem::path model_file(std::string_view path) const;
  // Where huggingface_hub keeps what it knows of a local directory: 0.23, and all after it.
  static constexpr std::array<std::string_view, 2> k_local_caches{".huggingface",
                                                                  ".cache/huggingface"};
  // Work in progress, and a hub cache that is to stay; else removed at the end of a successful run.
  [[nodiscard]] std::filesystem::path hf_cache() const { return m_mount / "hf_cache"; }
  [[nodiscard]] std::filesystem::path work() const { return hf_cache() / "work"; }
  // Names of work on a file contain what it will be: a run that was paused and does not know that
  // another one works here now cannot reach that one's files for another revision by their names.
  [[nodiscard]] std::filesystem::path partial(std::string_view path,
                                              const digest::Digest& digest) const;
  [[nodiscard]] std::filesystem::path journal(std::string_view path,
                                              const digest::Digest& digest) const;
  // What this shard knows of its portion of a file that several shards write.
  [[nodiscard]] std::filesystem::path portion_journal(std::string_view path,
                                                      const digest::Digest& digest) const;
  // States of the running checksum of a file in progress.
  [[nodiscard]] std::filesystem::path trail_in_progress(std::string_view path,
                                                        const digest::Digest& digest) const;
  // Content that was found elsewhere on the volume, while it is checked.
  [[nodiscard]] std::filesystem::path borrowed(std::string_view path,
                                               const digest::Digest& digest) const;
  // Files that are in place; one log for each that writes.
  static constexpr std::string_view k_published_log = "published";
  static constexpr std::size_t k_max_published_log_bytes = std::size_t{256} << 20U;
  [[nodiscard]] std::filesystem::path published_log() const;
  // Left by a run that ended and left work: nobody writes to it any more.
  [[nodiscard]] std::filesystem::path end_mark() const { return work() / "ended"; }
  // What outlives a run: the record and the lease.
  [[nodiscard]] std::filesystem::path state() const { return m_mount / ".nai"; }
  [[nodiscard]] std::filesystem::path record() const { return state() / "record.json"; }
  [[nodiscard]] std::filesystem::path superseded_record() const {
    return state() / "record.superseded.json";
  }
  // Model manifests taken out of images, by digest.
  [[nodiscard]] std::filesystem::path image_manifests() const { return state() / "nim"; }
  // What was staged of an image, and what its endpoint needs to be told.
  [[nodiscard]] std::filesystem::path image_report() const { return state() / "nim-report.json"; }
  // How far the run is that works on the volume, or was the last to; for others to read.
  [[nodiscard]] std::filesystem::path status() const;
  // States of running checksums, one file for each large file.
  [[nodiscard]] std::filesystem::path digest_trails() const { return state() / "digests"; }
  [[nodiscard]] std::filesystem::path digest_trail(std::string_view path) const;
  [[nodiscard]] std::filesystem::path lease() const { return state() / "lease"; }
  // What the pods of a sharded download agree on, and how far each of them is.
  [[nodiscard]] std::filesystem::path shards() const { return state() / "shards"; }

 private:
  std::filesystem::path m_mount;
  std::optional<std::size_t> m_shard;
};

}  // namespace nai::storage
