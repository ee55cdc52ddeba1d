// SPDX-License-Identifier: Apache-2.0
#include "app/check/access.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <nai/source/hugging_face.hpp>
#include <nai/source/nim.hpp>
#include <nai/util/units.hpp>

#include "app/make_source.hpp"
#include "app/nim.hpp"
#include "app/refused_credential.hpp"

namespace nai::app {

namespace {

constexpr std::string_view k_token = "token";
constexpr std::string_view k_model = "model";
constexpr std::size_t k_small_answer_bytes = std::size_t{64} * 1024;
constexpr std::chrono::seconds k_time_limit{60};

class OneByte final : public source::RangeSink {
 public:
  bool write(std::span<const std::byte> data) override { return data.empty(); }
};

class Access {
 public:
  explicit Access(const AccessContext& context)
      : m_context(context), m_config(context.config), m_nim(m_config.provider == Provider::nim) {}

  AccessResult run();

 private:
  void check_hub_token();
  void check_ngc_key(source::NimSource& nim);
  void check_model(source::Source& source, bool lists);
  void fetch_one_byte(source::Source& source, const source::Manifest& manifest);
  void visit(const http::Url& url);
  void no_credential(std::string_view variable, const Credential& credential);
  void refuse(std::string_view group, const util::Error& error, std::string remedy);
  template <typename Step>
  bool attempt(std::string_view group, const Step& step);
  [[nodiscard]] std::string remedy_for(const util::Error& error) const;

  const AccessContext& m_context;
  const Config& m_config;
  bool m_nim;
  AccessResult m_result;
};

// True when the step did not fail.
template <typename Step>
bool Access::attempt(std::string_view group, const Step& step) {
  try {
    step();
    return true;
  } catch (const util::Error& error) {
    if (error.kind() == util::ErrorKind::interrupted) {
      throw;
    }
    refuse(group, error, remedy_for(error));
    return false;
  }
}

void Access::refuse(std::string_view group, const util::Error& error, std::string remedy) {
  const auto contacts = m_context.client.contacts();
  const bool seen_on_the_wire =
      error.kind() == util::ErrorKind::temporary &&
      std::any_of(contacts.begin(), contacts.end(), [](const Contact& one) { return one.error; });
  if (!seen_on_the_wire) {
    m_result.findings.push_back({.severity = Severity::error,
                                 .group = group,
                                 .text = error.what(),
                                 .remedy = std::move(remedy),
                                 .kind = error.kind()});
  }
}

std::string Access::remedy_for(const util::Error& error) const {
  switch (error.kind()) {
    case util::ErrorKind::unauthorized:
      return remedy_of_refusal(m_config, error.what());
    case util::ErrorKind::not_found:
      return "compare REPO_ID and REPO_VERSION with the model's page; a private model looks like "
             "this to a token that may not see it";
    case util::ErrorKind::usage:
      return "correct the settings; nai-model-processor --help explains each";
    case util::ErrorKind::content_mismatch:
      return "ask who runs the Hub, mirror or registry: it does not answer as one does";
    default:
      return "try again later; a download tries for longer by itself";
  }
}

void Access::no_credential(std::string_view variable, const Credential& credential) {
  if (credential.notes.empty()) {
    m_result.findings.push_back(
        fine(k_token, fmt::format("{} is not set: {}", variable,
                                  has_registry_user(m_config)
                                      ? "the registry is asked with REGISTRY_USERNAME and "
                                        "REGISTRY_PASSWORD, and NGC without a key"
                                      : "only public models can be read")));
    return;
  }
  std::string text = fmt::format("{} is not set", variable);
  for (const auto& note : credential.notes) {
    text += "; " + note;
  }
  m_result.findings.push_back(warning(
      k_token, std::move(text), "check the Secret that is mounted or referred to, and its keys"));
}

void Access::check_hub_token() {
  const Credential& token = m_config.hub_token;
  if (token.value.empty()) {
    no_credential("HF_TOKEN", token);
    return;
  }
  attempt(k_token, [&] {
    const auto owner = source::who_am_i(hub_options(m_config), m_context.client, m_context.clock,
                                        m_context.console, m_context.stop);
    m_result.findings.push_back(
        owner ? fine(k_token, fmt::format("the token from {} is {}'s{}", token.origin, owner->name,
                                          owner->role.empty() ? "" : ", role " + owner->role))
              : warning(k_token, "the Hub does not tell whose the token is, as mirrors do",
                        "none is needed if the model can be read"));
  });
}

void Access::check_ngc_key(source::NimSource& nim) {
  const Credential& key = m_config.ngc_key;
  if (key.value.empty()) {
    no_credential("NGC_API_KEY", key);
    return;
  }
  switch (nim.key_state(m_context.stop)) {
    case source::KeyState::valid:
      m_result.findings.push_back(
          fine(k_token, fmt::format("NGC knows the key from {}", key.origin)));
      break;
    case source::KeyState::invalid:
      m_result.findings.push_back({.severity = Severity::error,
                                   .group = k_token,
                                   .text = fmt::format("NGC refuses the key from {}", key.origin),
                                   .remedy = "make a new personal key on org.ngc.nvidia.com, with "
                                             "the services NGC Catalog and NVIDIA registry",
                                   .kind = util::ErrorKind::unauthorized});
      break;
    case source::KeyState::unknown:
      m_result.findings.push_back(fine(
          k_token, fmt::format("NGC does not tell whether it knows the key from {}", key.origin)));
  }
}

void Access::check_model(source::Source& source, bool lists) {
  const auto& stop = m_context.stop;
  attempt(k_model, [&] {
    const auto revision = source.resolve(stop);
    m_result.findings.push_back(fine(
        k_model, fmt::format("{} can be read; its version is {}", m_config.repository, revision)));
    if (!lists) {
      return;
    }
    const auto manifest = source.list(stop);
    m_result.bytes = manifest.total_bytes();
    m_result.findings.push_back(
        fine(k_model,
             fmt::format("{} has {} files to have, {}", m_config.repository,
                         manifest.artifacts.size(), util::format_bytes(manifest.total_bytes()))));
    fetch_one_byte(source, manifest);
  });
}

// Of a file that the Hub does not serve itself, if there is one: that is where most bytes come
// from.
void Access::fetch_one_byte(source::Source& source, const source::Manifest& manifest) {
  const auto& files = manifest.artifacts;
  const auto has_content = [](const auto& file) { return file.size > 0; };
  auto file = std::find_if(files.begin(), files.end(), [&](const auto& one) {
    return has_content(one) && one.digest.algorithm() == digest::Algorithm::sha256;
  });
  if (file == files.end()) {
    file = std::find_if(files.begin(), files.end(), has_content);
  }
  if (file == files.end()) {
    return;
  }
  OneByte sink;
  const auto result = source.fetch(*file, {0, 1}, sink, m_context.stop);
  if (result.verdict == http::Verdict::success) {
    m_result.findings.push_back(
        fine(k_model, fmt::format("the content of {} can be fetched", file->path)));
  } else if (result.verdict == http::Verdict::stopped) {
    throw util::Error(util::ErrorKind::interrupted, "interrupted");
  } else {
    throw util::Error(
        util::ErrorKind::temporary,
        fmt::format("the content of {} cannot be fetched: {}", file->path, result.cause));
  }
}

// Whatever it answers, it was reached. What is not comes out in the findings about contacts.
void Access::visit(const http::Url& url) {
  const auto contacts = m_context.client.contacts();
  if (std::none_of(contacts.begin(), contacts.end(),
                   [&](const Contact& one) { return one.url.same_origin(url); })) {
    static_cast<void>(http::send_for_text(m_context.client,
                                          {.url = url, .time_limit = k_time_limit},
                                          k_small_answer_bytes, m_context.stop));
  }
}

AccessResult Access::run() {
  if (!m_nim) {
    check_hub_token();
    visit(m_config.hub_endpoint.value());
    if (!m_config.repository.empty() && m_context.client.reaches(*m_config.hub_endpoint)) {
      attempt(k_model, [&] {
        check_model(*make_source(m_config, m_context.client, m_context.clock, m_context.console),
                    true);
      });
    }
    return std::move(m_result);
  }
  visit(m_config.ngc_api_endpoint.value());
  visit(m_config.ngc_auth_endpoint.value());
  if (!m_config.repository.empty()) {
    NoStore store;
    attempt(k_model, [&] {
      const auto nim =
          make_nim(m_config, m_context.client, m_context.clock, m_context.console, store);
      check_ngc_key(*nim);
      // Without a profile its files are not known, and finding the profiles means reading layers.
      check_model(*nim, !wishes_name(m_config).empty());
    });
  }
  return std::move(m_result);
}

}  // namespace

AccessResult check_access(const AccessContext& context) { return Access(context).run(); }

}  // namespace nai::app
