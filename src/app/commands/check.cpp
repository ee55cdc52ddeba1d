// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <nai/util/error.hpp>

#include "app/check/access.hpp"
#include "app/check/finding.hpp"
#include "app/check/names.hpp"
#include "app/check/network.hpp"
#include "app/check/volume.hpp"
#include "app/check/watched_client.hpp"
#include "app/commands/commands.hpp"
#include "app/make_source.hpp"

namespace nai::app {

namespace {

// Longer than any volume takes that a download could work on.
constexpr std::chrono::seconds k_volume_limit{60};
// A download tries for hours; who looks for a fault wants to know now.
constexpr int k_max_attempts = 2;

class Check {
 public:
  Check(const Config& config, Session& session)
      : m_config(config),
        m_session(session),
        m_client(make_client(config, session.console)),
        m_watched(*m_client, session.clock),
        m_names(config.connect_timeout),
        m_findings(session.console, config.options.json) {
    m_config.transfer.retry.max_attempts =
        std::min(m_config.transfer.retry.max_attempts, k_max_attempts);
  }

  int run();

 private:
  void begin_names();
  void tell_names();
  void judge_server(Finding& finding) const;
  void tell_contacts();
  void check_the_volume(std::optional<std::uint64_t> bytes);
  [[nodiscard]] bool goes_through_proxy(const std::string& host) const;
  [[nodiscard]] std::string document() const;
  [[nodiscard]] std::string summary() const;

  Config m_config;
  Session& m_session;
  std::unique_ptr<http::Client> m_client;
  WatchedClient m_watched;
  Names m_names;
  Findings m_findings;
};

int Check::run() {
  begin_names();
  const auto access = check_access({.config = m_config,
                                    .client = m_watched,
                                    .clock = m_session.clock,
                                    .console = m_session.console,
                                    .stop = m_session.stop.get_token()});
  if (m_session.stop.stop_requested()) {
    throw util::Error(util::ErrorKind::interrupted, "interrupted");
  }
  tell_names();
  m_findings.add(judge_proxies(named_proxies()));
  tell_contacts();
  m_findings.add(access.findings);
  check_the_volume(access.bytes);
  if (m_config.options.json) {
    m_session.console.document(document());
  } else {
    m_session.console.announce("checked", summary());
  }
  if (const Finding* worst = m_findings.worst()) {
    const auto errors = m_findings.count(Severity::error);
    throw util::Error(
        worst->kind,
        errors == 1 ? "this is in the way: " + worst->text
                    : fmt::format("{} things are in the way, the worst: {}", errors, worst->text))
        .with_advice("What to do: " + worst->remedy);
  }
  return 0;
}

void Check::begin_names() {
  if (m_config.provider == Provider::nim) {
    m_names.begin(m_config.ngc_api_endpoint.value().host());
    m_names.begin(m_config.ngc_auth_endpoint.value().host());
  } else {
    m_names.begin(m_config.hub_endpoint.value().host());
  }
  for (const NamedProxy& proxy : named_proxies()) {
    m_names.begin(proxy.host);
  }
  m_names.begin(m_config.options.nfs_server);
}

bool Check::goes_through_proxy(const std::string& host) const {
  const auto contacts = m_watched.contacts();
  return std::any_of(contacts.begin(), contacts.end(), [&](const Contact& one) {
    return one.url.host() == host && one.peer && one.peer->by_proxy;
  });
}

void Check::tell_names() {
  for (const Contact& contact : m_watched.contacts()) {
    m_names.begin(contact.url.host());
  }
  for (const std::string& host : m_names.all()) {
    if (goes_through_proxy(host)) {
      m_findings.add(fine("names", host + " is looked up by the proxy"));
      continue;
    }
    Finding finding = m_names.finding(host);
    if (host == m_config.options.nfs_server && finding.severity == Severity::error) {
      judge_server(finding);
    }
    m_findings.add(std::move(finding));
  }
}

// The node's resolver is another one, and what it mounted already it had found.
void Check::judge_server(Finding& finding) const {
  const auto mount = storage::mount_of(m_config.output_mount);
  finding.severity = mount && mount->is_nfs() ? Severity::warning : Severity::error;
  finding.kind = util::ErrorKind::storage;
  finding.text += "; it is the node that mounts the volume, by a resolver of its own";
  finding.remedy =
      "look the name up on the node: if it is not known there either, the pod's events say "
      "\"Failed "
      "to resolve server\", and the volume has to name the server in full or by its address; for "
      "this pod, " +
      finding.remedy;
}

void Check::tell_contacts() {
  const auto contacts = m_watched.contacts();
  for (const Contact& contact : contacts) {
    const std::string& host = contact.url.host();
    if (!contact.error || goes_through_proxy(host) || !m_names.fails(host)) {
      m_findings.add(judge_contact(contact));
    }
  }
  if (!contacts.empty()) {
    if (auto finding = judge_clock(contacts.front())) {
      m_findings.add(*std::move(finding));
    }
  }
}

void Check::check_the_volume(std::optional<std::uint64_t> bytes) {
  const VolumeQuestion question{.mount = m_config.output_mount,
                                .bytes_needed = bytes,
                                .needs_links = m_config.provider == Provider::nim};
  m_findings.add(check_volume_within(question, k_volume_limit));
}

std::string Check::summary() const {
  const auto counted = [&](Severity severity) {
    const auto count = m_findings.count(severity);
    return fmt::format("{} {}{}", count, name_of(severity), count == 1 ? "" : "s");
  };
  return fmt::format("Checked: {} ok, {}, {}", m_findings.count(Severity::ok),
                     counted(Severity::warning), counted(Severity::error));
}

std::string Check::document() const {
  using Json = nlohmann::ordered_json;
  Json json{{"format", 1},
            {"ok", m_findings.count(Severity::ok)},
            {"warnings", m_findings.count(Severity::warning)},
            {"errors", m_findings.count(Severity::error)},
            {"findings", Json::array()}};
  for (const Finding& finding : m_findings.all()) {
    json["findings"].push_back({{"severity", name_of(finding.severity)},
                                {"group", finding.group},
                                {"text", m_session.console.presentable(finding.text)},
                                {"remedy", m_session.console.presentable(finding.remedy)}});
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

int run_check(const Config& config, Session& session) { return Check(config, session).run(); }

}  // namespace nai::app
