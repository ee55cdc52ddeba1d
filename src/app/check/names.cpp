// SPDX-License-Identifier: Apache-2.0
#include "app/check/names.hpp"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <memory>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nai/util/text.hpp>

#include "app/check/bounded.hpp"

namespace nai::app {

namespace {

constexpr std::string_view k_names_group = "names";
constexpr std::size_t k_shown_addresses = 3;

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> binary{};
  return ::inet_pton(AF_INET, host.c_str(), binary.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), binary.data()) == 1 || host.starts_with('[');
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

std::vector<std::string> addresses_in(const addrinfo* list) {
  std::vector<std::string> result;
  for (; list != nullptr; list = list->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(list->ai_addr, list->ai_addrlen, text.data(), text.size(), nullptr, 0,
                      NI_NUMERICHOST) == 0) {
      result.emplace_back(text.data());
    }
  }
  return result;
}

Lookup ask(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_CANONNAME;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  const std::unique_ptr<addrinfo, FreeAddresses> list(found);
  if (code == 0) {
    return {.state = Lookup::State::found,
            .addresses = addresses_in(found),
            .full_name = found->ai_canonname == nullptr ? "" : found->ai_canonname};
  }
  const bool unknown = code == EAI_NONAME || code == EAI_NODATA;
  return {.state = unknown ? Lookup::State::unknown : Lookup::State::no_answer,
          .problem = code == EAI_SYSTEM ? std::generic_category().message(errno)
                                        : std::string(::gai_strerror(code))};
}

Lookup look_up(const std::string& host) {
  Lookup lookup = ask(host);
  if (lookup.state == Lookup::State::found && host.find('.') != std::string::npos &&
      lookup.full_name.starts_with(host + ".")) {
    lookup.exists_alone = ask(host + ".").state == Lookup::State::found;
  }
  return lookup;
}

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string servers_of(const ResolverSettings& settings) {
  return settings.servers.empty() ? "(/etc/resolv.conf names none)" : joined(settings.servers);
}

Finding judge_found(const std::string& host, const Lookup& lookup) {
  std::vector<std::string> shown = lookup.addresses;
  shown.resize(std::min(shown.size(), k_shown_addresses));
  const std::size_t more = lookup.addresses.size() - shown.size();
  std::string text = fmt::format("{} has the address {}{}", host, fmt::join(shown, ", "),
                                 more > 0 ? fmt::format(" and {} more", more) : "");
  if (!lookup.full_name.starts_with(host + ".")) {
    return fine(k_names_group, std::move(text));
  }
  text += fmt::format(", found as {}", lookup.full_name);
  if (!lookup.exists_alone) {
    return fine(k_names_group, std::move(text));
  }
  return warning(k_names_group,
                 text + ": a search domain answers for a name that exists without it",
                 "remove the wildcard record from that domain, or set the option ndots:1 in the "
                 "pod's dnsConfig");
}

std::string remedy_for_unknown(const std::string& host) {
  return host.find('.') == std::string::npos
             ? "write the name in full, or add its domain to dnsConfig.searches of the pod"
             : "check the spelling; if it is right, the cluster's DNS has to forward such names to "
               "a server that knows them, or a proxy has to be named in HTTPS_PROXY";
}

}  // namespace

ResolverSettings parse_resolver_settings(std::string_view text) {
  ResolverSettings settings;
  for (const std::string_view line : util::split(text, '\n')) {
    std::vector<std::string> words;
    std::string spaced(line.substr(0, line.find_first_of("#;")));
    std::replace(spaced.begin(), spaced.end(), '\t', ' ');
    for (const std::string_view word : util::split(spaced, ' ')) {
      if (const auto plain = util::trim(word); !plain.empty()) {
        words.emplace_back(plain);
      }
    }
    if (words.size() < 2) {
      continue;
    }
    if (words[0] == "nameserver") {
      settings.servers.push_back(words[1]);
    } else if (words[0] == "search" || words[0] == "domain") {
      settings.domains.assign(words.begin() + 1, words.end());
    }
  }
  return settings;
}

Finding judge_name(const std::string& host, const Lookup& lookup,
                   const ResolverSettings& settings) {
  if (lookup.state == Lookup::State::found) {
    return judge_found(host, lookup);
  }
  Finding finding{.severity = Severity::error, .group = k_names_group, .text = {}};
  if (lookup.state == Lookup::State::unknown) {
    finding.text = fmt::format(
        "{} is not known to the name servers {} ({}), neither alone nor in the search "
        "domains {}",
        host, servers_of(settings), lookup.problem,
        settings.domains.empty() ? "(none)" : joined(settings.domains));
    finding.remedy = remedy_for_unknown(host);
    return finding;
  }
  finding.text = fmt::format("{} cannot be looked up: no answer from the name servers {} ({})",
                             host, servers_of(settings), lookup.problem);
  finding.remedy =
      "check that the cluster's DNS runs (kubectl -n kube-system get pods -l k8s-app=kube-dns) and "
      "that no NetworkPolicy keeps this pod from port 53, UDP and TCP";
  return finding;
}

Names::Names(std::chrono::milliseconds limit) : m_limit(limit) {
  // Without the file, the findings say that no server is named there.
  std::ifstream file("/etc/resolv.conf");
  m_settings = parse_resolver_settings(std::string(std::istreambuf_iterator<char>(file), {}));
}

void Names::begin(const std::string& host) {
  if (host.empty() || is_address(host) || m_pending.contains(host)) {
    return;
  }
  m_hosts.push_back(host);
  m_pending.emplace(host, start_unattended([host] { return look_up(host); }));
}

const Lookup& Names::result(const std::string& host) {
  if (const auto known = m_results.find(host); known != m_results.end()) {
    return known->second;
  }
  auto& pending = m_pending.at(host);
  Lookup lookup{.problem = fmt::format("nothing within {} s", m_limit.count() / 1000)};
  if (arrives_within(pending, m_limit)) {
    lookup = pending.get();
  }
  return m_results.emplace(host, std::move(lookup)).first->second;
}

bool Names::fails(const std::string& host) {
  return m_pending.contains(host) && result(host).state != Lookup::State::found;
}

Finding Names::finding(const std::string& host) {
  return judge_name(host, result(host), m_settings);
}

}  // namespace nai::app
