// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nai/digest/hasher.hpp>
#include <nai/util/error.hpp>

#include <source/nim/decompressor.hpp>
#include <source/nim/image.hpp>
#include <source/nim/tar_reader.hpp>

namespace nai::source {

// What one layer has to say on the way to a file.
struct LayerFacts {
  std::map<std::string, std::string> files;       // wanted ones, with their content
  std::map<std::string, std::string> links;       // symbolic, to what they say
  std::map<std::string, std::string> hard_links;  // wanted ones, to the path in the layer
  std::set<std::string> removed;                  // whiteouts
  std::set<std::string> opaque;                   // directories that hide those of lower layers
  bool verified = false;                          // read to the end, and its digest is right
};

// Which files are wanted: these paths, and any of these names.
struct WantedFiles {
  std::set<std::string, std::less<>> paths;
  std::set<std::string, std::less<>> names;
  // Bytes of contents, names and links that may be kept.
  std::uint64_t budget = std::uint64_t{256} << 20U;

  [[nodiscard]] bool contains(std::string_view path) const;
};

// Takes a layer's bytes as they come from the registry. A layer of up to 64 MiB is read to its end
// and checked; of a larger one no more is read than it takes to see a wanted file.
class LayerScan final : public TarVisitor {
 public:
  LayerScan(const Blob& blob, const WantedFiles& wanted, std::uint64_t max_output);

  // False: enough. What is wrong with the layer is told by finish().
  bool push(std::span<const std::byte> data);
  [[nodiscard]] std::uint64_t output_bytes() const { return m_decompressor.output_bytes(); }
  // Of the budget, what was used.
  [[nodiscard]] std::uint64_t kept_bytes() const { return m_kept; }
  // All of it was pushed, and it is what the digest says.
  [[nodiscard]] bool is_intact() const;
  // Call it when push() had enough, or all was pushed. Throws Error{content_mismatch} when the
  // digest of a layer that was read to its end is wrong, or the layer is no archive.
  [[nodiscard]] LayerFacts finish();

  bool on_entry(const TarEntry& entry) override;
  bool on_content(std::span<const std::byte> data, bool last) override;

 private:
  void read(std::span<const std::byte> data);
  // Counts what is kept. Throws Error{content_mismatch} when it is too much.
  void keep(std::size_t bytes);
  void note_whiteout(const std::string& directory, std::string_view name);

  const Blob& m_blob;
  const WantedFiles& m_wanted;
  const bool m_to_the_end;
  Decompressor m_decompressor;
  TarReader m_tar;
  digest::Hasher m_hasher;
  bool m_tar_ended = false;
  std::uint64_t m_kept = 0;
  std::optional<util::Error> m_problem;
  std::string m_path;  // of the content that is being read
  std::string m_content;
  LayerFacts m_facts;
};

// What became of a path when all layers are laid over one another.
struct Lookup {
  const std::string* content = nullptr;  // found
  std::string needed;  // a path that some layer links to, and whose content was not wanted yet
  bool verified = false;
  std::size_t layer = 0;
};

// Looks `path` up from the top layer down, following links. Layers that were not scanned count as
// having nothing to say.
[[nodiscard]] Lookup look_up(const std::vector<std::optional<LayerFacts>>& layers,
                             const WantedFiles& wanted, std::string path);

}  // namespace nai::source
