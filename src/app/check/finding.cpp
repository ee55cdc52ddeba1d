// SPDX-License-Identifier: Apache-2.0
#include "app/check/finding.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include <nai/util/text.hpp>

namespace nai::app {

namespace {

using util::ErrorKind;

// First what ends the Job for good; of the rest, what is nearer to the pod.
constexpr std::array k_ranking{ErrorKind::usage,       ErrorKind::unauthorized,
                               ErrorKind::not_found,   ErrorKind::content_mismatch,
                               ErrorKind::no_space,    ErrorKind::storage,
                               ErrorKind::volume_busy, ErrorKind::temporary,
                               ErrorKind::interrupted, ErrorKind::internal};

auto rank(const Finding& finding) {
  return std::find(k_ranking.begin(), k_ranking.end(), finding.kind) - k_ranking.begin();
}

// Servers' own words may have several lines.
std::string on_one_line(std::string_view text) {
  std::string line;
  for (const auto part : util::split(text, '\n')) {
    if (const auto words = util::trim(part); !words.empty()) {
      line += fmt::format("{}{}", line.empty() ? "" : " ", words);
    }
  }
  return line;
}

}  // namespace

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::ok:
      return "ok";
    case Severity::warning:
      return "warning";
    case Severity::error:
      return "error";
  }
  return "error";
}

Finding fine(std::string_view group, std::string text) {
  return {.severity = Severity::ok, .group = group, .text = std::move(text)};
}

Finding warning(std::string_view group, std::string text, std::string remedy) {
  return {.severity = Severity::warning,
          .group = group,
          .text = std::move(text),
          .remedy = std::move(remedy)};
}

void Findings::add(Finding finding) {
  finding.text = on_one_line(finding.text);
  finding.remedy = on_one_line(finding.remedy);
  if (!m_silent) {
    m_console.announce(
        "finding",
        fmt::format("{}: {}: {}{}{}", name_of(finding.severity), finding.group, finding.text,
                    finding.remedy.empty() ? "" : " -> ", finding.remedy),
        {{"severity", std::string(name_of(finding.severity))},
         {"group", std::string(finding.group)},
         {"text", finding.text},
         {"remedy", finding.remedy}});
  }
  m_all.push_back(std::move(finding));
}

void Findings::add(std::vector<Finding> findings) {
  for (Finding& finding : findings) {
    add(std::move(finding));
  }
}

std::size_t Findings::count(Severity severity) const {
  return static_cast<std::size_t>(std::count_if(
      m_all.begin(), m_all.end(), [&](const Finding& one) { return one.severity == severity; }));
}

const Finding* Findings::worst() const {
  const Finding* worst = nullptr;
  for (const Finding& finding : m_all) {
    if (finding.severity == Severity::error && (worst == nullptr || rank(finding) < rank(*worst))) {
      worst = &finding;
    }
  }
  return worst;
}

}  // namespace nai::app
