// SPDX-License-Identifier: Apache-2.0
#include <nai/transfer/shard.hpp>

#include <algorithm>
#include <vector>

namespace nai::transfer {

namespace {

// How far a cut may move, as a fraction of a shard: none is larger than the ideal by more than a
// sixteenth, or by 16 MiB where that is more.
constexpr std::uint64_t k_slack = 32;

// A file's place in the sequence of all.
struct Placed {
  const source::Artifact* artifact = nullptr;
  std::uint64_t begin = 0;
  [[nodiscard]] std::uint64_t end() const { return begin + artifact->size; }
};

std::vector<Placed> in_sequence(const source::Manifest& manifest) {
  std::vector<Placed> files;
  files.reserve(manifest.artifacts.size());
  for (const auto& artifact : manifest.artifacts) {
    files.push_back({.artifact = &artifact});
  }
  std::sort(files.begin(), files.end(),
            [](const Placed& a, const Placed& b) { return a.artifact->path < b.artifact->path; });
  std::uint64_t at = 0;
  for (Placed& file : files) {
    file.begin = at;
    at = file.end();
  }
  return files;
}

// Where `ideal` may be cut.
std::uint64_t cut_near(std::uint64_t ideal, std::uint64_t slack, const std::vector<Placed>& files) {
  const auto behind = std::find_if(files.begin(), files.end(),
                                   [&](const Placed& file) { return file.end() > ideal; });
  if (behind == files.end()) {
    return ideal;
  }
  const Placed& file = *behind;
  const std::uint64_t before = ideal - file.begin;
  const std::uint64_t after = file.end() - ideal;
  const std::uint64_t aligned =
      (before + k_portion_alignment / 2) / k_portion_alignment * k_portion_alignment;
  if (std::min(before, after) <= slack || aligned == 0 || aligned >= file.artifact->size) {
    return before <= after ? file.begin : file.end();
  }
  return file.begin + aligned;
}

// A file without content belongs to the shard in which it begins.
bool touches(const Placed& file, const util::ByteRange& piece, bool last) {
  if (file.artifact->size == 0) {
    return file.begin >= piece.offset && (file.begin < piece.end() || last);
  }
  return file.begin < piece.end() && file.end() > piece.offset;
}

}  // namespace

std::uint64_t Shard::total_bytes() const {
  std::uint64_t total = manifest.total_bytes();
  for (const auto& artifact : manifest.artifacts) {
    if (const auto portion = portions.find(artifact.path); portion != portions.end()) {
      total -= artifact.size - portion->second.length;
    }
  }
  return total;
}

Shard shard_of(const source::Manifest& manifest, std::size_t index, std::size_t count) {
  const auto files = in_sequence(manifest);
  const std::uint64_t total = manifest.total_bytes();
  const std::uint64_t size = total / count;
  const auto cut = [&](std::size_t number) {
    return number == count ? total : cut_near(size * number, size / k_slack, files);
  };
  const std::uint64_t begin = index == 0 ? 0 : cut(index);
  const std::uint64_t end = std::max(begin, cut(index + 1));
  const util::ByteRange piece{begin, end - begin};

  Shard shard;
  shard.manifest.source = manifest.source;
  shard.manifest.revision = manifest.revision;
  for (const Placed& file : files) {
    if (!touches(file, piece, index + 1 == count)) {
      continue;
    }
    const auto& artifact = *file.artifact;
    shard.manifest.artifacts.push_back(artifact);
    const std::uint64_t from = std::max(begin, file.begin) - file.begin;
    const std::uint64_t to = std::min(end, file.end()) - file.begin;
    if (to - from < artifact.size) {
      shard.portions.emplace(artifact.path, util::ByteRange{from, to - from});
    }
  }
  return shard;
}

}  // namespace nai::transfer
