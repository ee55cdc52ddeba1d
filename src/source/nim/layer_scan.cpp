// SPDX-License-Identifier: Apache-2.0
#include <source/nim/layer_scan.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <nai/util/text.hpp>
#include <nai/util/units.hpp>

namespace nai::source {

namespace {

constexpr std::uint64_t k_read_to_the_end = std::uint64_t{64} << 20U;
constexpr std::uint64_t k_max_wanted_file_bytes = std::uint64_t{64} << 20U;
// What no file system takes is not worth keeping.
constexpr std::size_t k_max_entry_path_bytes = 4096;
// What an entry of a map takes beside its texts.
constexpr std::size_t k_note_bytes = 128;
constexpr int k_max_links = 8;
constexpr std::string_view k_whiteout = ".wh.";
constexpr std::string_view k_opaque = ".wh..wh..opq";

std::string_view name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string join(const std::string& directory, std::string_view name) {
  return directory.empty() ? std::string(name) : directory + "/" + std::string(name);
}

// The directories above the path, the outermost first, then the path itself.
std::vector<std::string> steps_to(const std::string& path) {
  std::vector<std::string> steps;
  for (auto slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    steps.push_back(path.substr(0, slash));
  }
  steps.push_back(path);
  return steps;
}

// Where `path` leads when its part `link` is a symbolic link to `target`.
std::optional<std::string> through_link(const std::string& path, const std::string& link,
                                        const std::string& target) {
  const std::string rest = path.substr(link.size());
  return normalize_path(target.starts_with('/') ? target + rest
                                                : join(directory_of(link), target) + rest);
}

bool hides(const LayerFacts& layer, const std::string& path) {
  const auto steps = steps_to(path);
  return std::any_of(steps.begin(), steps.end(), [&](const std::string& step) {
    return layer.removed.contains(step) || (step != path && layer.opaque.contains(step));
  });
}

// Where a link in this layer leads from `path`; empty when there is none on the way.
std::optional<std::string> next_path(const LayerFacts& layer, const std::string& path) {
  if (const auto hard = layer.hard_links.find(path); hard != layer.hard_links.end()) {
    return hard->second;
  }
  for (const std::string& step : steps_to(path)) {
    if (const auto link = layer.links.find(step); link != layer.links.end()) {
      return through_link(path, step, link->second).value_or("");
    }
  }
  return std::nullopt;
}

// What all layers say of one path, without following links.
struct LayersAnswer {
  Lookup found;
  std::optional<std::string> next;  // a link leads there
  bool hidden = false;
};

LayersAnswer ask_layers(const std::vector<std::optional<LayerFacts>>& layers,
                        const std::string& path) {
  for (std::size_t i = layers.size(); i-- > 0;) {
    if (!layers[i]) {
      continue;
    }
    const LayerFacts& layer = *layers[i];
    if (const auto file = layer.files.find(path); file != layer.files.end()) {
      return {
          .found = {.content = &file->second, .needed = {}, .verified = layer.verified, .layer = i},
          .next = {}};
    }
    if (auto next = next_path(layer, path)) {
      return {.found = {}, .next = std::move(next)};
    }
    if (hides(layer, path)) {
      return {.found = {}, .next = {}, .hidden = true};
    }
  }
  return {};
}

}  // namespace

bool WantedFiles::contains(std::string_view path) const {
  return paths.contains(path) || names.contains(name_of(path));
}

LayerScan::LayerScan(const Blob& blob, const WantedFiles& wanted, std::uint64_t max_output)
    : m_blob(blob),
      m_wanted(wanted),
      m_to_the_end(blob.size <= k_read_to_the_end),
      m_decompressor(max_output),
      m_tar(*this),
      m_hasher(digest::Algorithm::sha256, blob.size) {}

bool LayerScan::push(std::span<const std::byte> data) {
  m_hasher.update(data);
  if (!m_tar_ended) {
    read(data);
  }
  return !m_tar_ended || m_to_the_end;
}

void LayerScan::read(std::span<const std::byte> data) {
  try {
    m_tar_ended = !m_decompressor.push(
        data, [&](std::span<const std::byte> piece) { return m_tar.push(piece); });
  } catch (const util::Error& error) {
    // Whether it was made so, or came so, the digest tells.
    m_problem = error;
    m_tar_ended = true;
  }
}

bool LayerScan::is_intact() const {
  return m_hasher.position() == m_blob.size && m_hasher.digest() == m_blob.digest;
}

LayerFacts LayerScan::finish() {
  const bool complete = m_hasher.position() == m_blob.size;
  if (complete && m_hasher.digest() != m_blob.digest) {
    throw util::Error(util::ErrorKind::content_mismatch,
                      fmt::format("the layer {} came with digest {}", m_blob.digest.to_string(),
                                  m_hasher.digest().to_string()));
  }
  if (m_problem) {
    throw util::Error(m_problem->kind(), m_problem->what());
  }
  m_facts.verified = complete;
  return std::move(m_facts);
}

void LayerScan::keep(std::size_t bytes) {
  m_kept += bytes;
  if (m_kept > m_wanted.budget) {
    throw util::Error(util::ErrorKind::content_mismatch,
                      fmt::format("the layer {} has more links and manifests than make sense",
                                  m_blob.digest.to_string()));
  }
}

bool LayerScan::on_entry(const TarEntry& entry) {
  if (entry.path.size() > k_max_entry_path_bytes ||
      entry.link_target.size() > k_max_entry_path_bytes) {
    return false;
  }
  const std::string_view name = name_of(entry.path);
  if (name.starts_with(k_whiteout)) {
    note_whiteout(directory_of(entry.path), name);
    return false;
  }
  const bool wanted = m_wanted.contains(entry.path);
  if (entry.type == TarEntry::Type::symbolic_link) {
    keep(entry.path.size() + entry.link_target.size() + k_note_bytes);
    m_facts.links.insert_or_assign(entry.path, entry.link_target);
  } else if (entry.type == TarEntry::Type::hard_link && wanted) {
    keep(entry.path.size() + entry.link_target.size() + k_note_bytes);
    m_facts.hard_links.insert_or_assign(entry.path, normalize_path(entry.link_target).value_or(""));
  }
  if (entry.type != TarEntry::Type::file || !wanted) {
    return false;
  }
  if (entry.size > k_max_wanted_file_bytes) {
    throw util::Error(util::ErrorKind::content_mismatch,
                      fmt::format("the layer {} has a /{} of {}, more than makes sense",
                                  m_blob.digest.to_string(), util::printable(entry.path, 200),
                                  util::format_bytes(entry.size)));
  }
  keep(entry.path.size() + static_cast<std::size_t>(entry.size) + k_note_bytes);
  m_path = entry.path;
  m_content.clear();
  return true;
}

void LayerScan::note_whiteout(const std::string& directory, std::string_view name) {
  keep(directory.size() + name.size() + k_note_bytes);
  if (name == k_opaque) {
    m_facts.opaque.insert(directory);
  } else {
    m_facts.removed.insert(join(directory, name.substr(k_whiteout.size())));
  }
}

bool LayerScan::on_content(std::span<const std::byte> data, bool last) {
  m_content.append(reinterpret_cast<const char*>(data.data()), data.size());
  if (last) {
    m_facts.files.insert_or_assign(m_path, std::move(m_content));
    m_content = {};
  }
  // The rest of a large layer is not worth its transfer.
  return !last || m_to_the_end || !m_wanted.paths.contains(m_path);
}

Lookup look_up(const std::vector<std::optional<LayerFacts>>& layers, const WantedFiles& wanted,
               std::string path) {
  for (int followed = 0; followed <= k_max_links; ++followed) {
    LayersAnswer answer = ask_layers(layers, path);
    if (!answer.next) {
      const bool unknown = followed > 0 && !answer.hidden && !wanted.contains(path);
      return unknown && answer.found.content == nullptr ? Lookup{.needed = path} : answer.found;
    }
    path = *std::move(answer.next);
  }
  return {};
}

}  // namespace nai::source
