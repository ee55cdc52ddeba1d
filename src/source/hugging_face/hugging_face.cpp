// SPDX-License-Identifier: Apache-2.0
#include <nai/source/hugging_face.hpp>

#include <cassert>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <nai/util/json.hpp>

#include <source/hugging_face/fetch.hpp>
#include <source/hugging_face/hub.hpp>
#include <source/hugging_face/revision.hpp>
#include <source/hugging_face/selection.hpp>
#include <source/hugging_face/tree.hpp>

namespace nai::source {

namespace {

class HuggingFaceSource final : public Source {
 public:
  HuggingFaceSource(HuggingFaceOptions options, http::Client& client, util::Clock& clock,
                    util::Log& log)
      : m_hub(std::move(options), client, clock, log) {}

  std::string resolve(const std::stop_token& stop) override {
    m_commit = resolve_revision(m_hub, stop);
    m_fetcher.emplace(m_hub, m_commit);
    return m_commit;
  }

  Manifest list(const std::stop_token& stop) override {
    assert(m_fetcher);
    std::vector<Artifact> files = list_files(m_hub, m_commit, stop);
    const HuggingFaceOptions& options = m_hub.options();
    const std::vector<std::string_view> paths = paths_of(files);
    const Selection selection(options.include, options.exclude, paths);

    Manifest manifest{.source = m_hub.page(), .revision = m_commit, .artifacts = {}, .skipped = {}};
    for (Artifact& file : files) {
      if (selection.wants(file.path)) {
        file.url = m_hub.resolve_url(m_commit, file.path).display();
        manifest.artifacts.push_back(std::move(file));
      } else {
        manifest.skipped.push_back(std::move(file.path));
      }
    }
    check_not_empty(manifest);
    validate_paths(manifest.artifacts);
    return manifest;
  }

  FetchResult fetch(const Artifact& artifact, util::ByteRange range, RangeSink& sink,
                    const std::stop_token& stop) override {
    assert(m_fetcher);
    return m_fetcher->fetch({.artifact = artifact, .range = range, .sink = sink}, stop);
  }

  void forget(const Artifact& artifact) override {
    assert(m_fetcher);
    m_fetcher->forget(artifact);
  }

 private:
  static std::vector<std::string_view> paths_of(const std::vector<Artifact>& files) {
    std::vector<std::string_view> paths;
    paths.reserve(files.size());
    for (const Artifact& file : files) {
      paths.push_back(file.path);
    }
    return paths;
  }

  void check_not_empty(const Manifest& manifest) const {
    if (!manifest.artifacts.empty()) {
      return;
    }
    if (manifest.skipped.empty()) {
      throw util::Error(util::ErrorKind::not_found,
                        fmt::format("{} has no files at revision {}", m_hub.options().repository,
                                    manifest.revision));
    }
    throw util::Error(
        util::ErrorKind::usage,
        fmt::format("none of the {} files of {} is wanted by ALLOW_PATTERNS and IGNORE_PATTERNS",
                    manifest.skipped.size(), m_hub.options().repository));
  }

  Hub m_hub;
  std::string m_commit;
  std::optional<Fetcher> m_fetcher;
};

std::string role_of(const nlohmann::json& answer) {
  const auto* auth = util::member(answer, "auth");
  const auto* token = auth == nullptr ? nullptr : util::member(*auth, "accessToken");
  return token == nullptr ? "" : util::string_member(*token, "role").value_or("");
}

}  // namespace

std::optional<TokenOwner> who_am_i(const HuggingFaceOptions& options, http::Client& client,
                                   util::Clock& clock, util::Log& log,
                                   const std::stop_token& stop) {
  Hub hub(options, client, clock, log);
  const HubAnswer answer =
      hub.get_json(hub.endpoint_url("/api/whoami-v2"), "asking whose token it is", stop);
  if (answer.ok()) {
    return TokenOwner{util::string_member(answer.json, "name").value_or(""), role_of(answer.json)};
  }
  if (answer.lacks_endpoint()) {
    return std::nullopt;
  }
  throw hub.without_token(answer.error());
}

std::unique_ptr<Source> make_hugging_face_source(HuggingFaceOptions options, http::Client& client,
                                                 util::Clock& clock, util::Log& log) {
  return std::make_unique<HuggingFaceSource>(std::move(options), client, clock, log);
}

}  // namespace nai::source
