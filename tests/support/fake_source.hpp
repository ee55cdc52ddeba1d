// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include <nai/digest/hasher.hpp>
#include <nai/source/source.hpp>

namespace nai::test {

// Deterministic content in which every block differs.
inline std::string content_of(std::size_t size, std::uint64_t seed = 1) {
  std::string content(size, '\0');
  std::uint64_t state = seed * 0x9E3779B97F4A7C15U + size;
  for (char& byte : content) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<char>(state >> 56U);
  }
  return content;
}

inline digest::Digest digest_of(std::string_view content,
                                digest::Algorithm algorithm = digest::Algorithm::sha256) {
  digest::Hasher hasher(algorithm, content.size());
  hasher.update(std::as_bytes(std::span(content)));
  return hasher.digest();
}

// A source that holds its files in memory and misbehaves on request.
class FakeSource final : public source::Source {
 public:
  struct Fetch {
    std::string path;
    util::ByteRange range;
  };
  // What to do instead of serving the whole range.
  struct Fault {
    std::uint64_t serve_bytes = UINT64_MAX;  // then fail with `result`
    source::FetchResult result = {};
    bool flip_first_byte = false;
  };

  void add(const std::string& path, std::string content) {
    manifest.artifacts.push_back(
        {.path = path, .size = content.size(), .digest = digest_of(content)});
    m_files[path] = std::move(content);
  }

  std::string resolve(const std::stop_token& /*stop*/) override { return manifest.revision; }
  source::Manifest list(const std::stop_token& /*stop*/) override { return manifest; }
  void forget(const source::Artifact& artifact) override {
    const std::scoped_lock lock(m_mutex);
    forgotten.push_back(artifact.path);
  }

  source::FetchResult fetch(const source::Artifact& artifact, util::ByteRange range,
                            source::RangeSink& sink, const std::stop_token& stop) override {
    Fault fault;
    {
      const std::scoped_lock lock(m_mutex);
      fetches.push_back({artifact.path, range});
      if (on_fetch) {
        fault = on_fetch(fetches.back());
      }
    }
    std::string data =
        m_files.at(artifact.path)
            .substr(range.offset, std::min<std::uint64_t>(range.length, fault.serve_bytes));
    if (fault.flip_first_byte && !data.empty()) {
      data[0] = static_cast<char>(data[0] ^ 1);
    }
    // In uneven pieces, as a network would.
    for (std::size_t at = 0; at < data.size(); at += 777) {
      const auto piece = std::string_view(data).substr(at, 777);
      if (!sink.write(std::as_bytes(std::span(piece))) || stop.stop_requested()) {
        return {.verdict = http::Verdict::stopped, .cause = "stopped"};
      }
    }
    return data.size() == range.length ? source::FetchResult{} : fault.result;
  }

  [[nodiscard]] std::uint64_t bytes_asked() const {
    std::uint64_t total = 0;
    for (const Fetch& fetch : fetches) {
      total += fetch.range.length;
    }
    return total;
  }

  source::Manifest manifest{
      .source = "fake://model", .revision = "r1", .artifacts = {}, .skipped = {}};
  std::function<Fault(const Fetch&)> on_fetch;  // called under a lock
  std::vector<Fetch> fetches;
  std::vector<std::string> forgotten;

 private:
  std::mutex m_mutex;
  std::map<std::string, std::string> m_files;
};

}  // namespace nai::test
