// SPDX-License-Identifier: Apache-2.0
#include "torture/table.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace nai::torture {

namespace {

constexpr std::size_t k_max_complaints = 3;

}  // namespace

void Table::add(const std::string& fault, const Outcome& outcome) {
  const std::scoped_lock lock(m_mutex);
  Row& row = m_rows[fault];
  ++row.tries;
  row.survived += outcome.survived && !outcome.hung ? 1 : 0;
  row.wrong += outcome.wrong_files;
  row.lost += outcome.lost_files;
  row.hung += outcome.hung ? 1 : 0;
  if (!outcome.good() && row.why.size() < k_max_complaints) {
    row.why.push_back(fmt::format("{}", fmt::join(outcome.why, "\n    ")));
  }
}

void Table::skip(const std::string& fault, const std::string& reason) {
  const std::scoped_lock lock(m_mutex);
  m_skipped[fault] = reason;
}

Table::Row Table::sum() const {
  Row total;
  for (const auto& [name, row] : m_rows) {
    total.tries += row.tries;
    total.survived += row.survived;
    total.wrong += row.wrong;
    total.lost += row.lost;
    total.hung += row.hung;
  }
  return total;
}

bool Table::good() const {
  const std::scoped_lock lock(m_mutex);
  const Row total = sum();
  return total.survived == total.tries && total.wrong + total.lost + total.hung == 0;
}

std::uint64_t Table::tries() const {
  const std::scoped_lock lock(m_mutex);
  return sum().tries;
}

std::string Table::complaints() const {
  const std::scoped_lock lock(m_mutex);
  std::string text;
  for (const auto& [name, row] : m_rows) {
    for (const std::string& why : row.why) {
      text += fmt::format("{}:\n    {}\n", name, why);
    }
  }
  return text;
}

std::string Table::text() const {
  const std::scoped_lock lock(m_mutex);
  std::size_t width = 5;
  for (const auto& [name, row] : m_rows) {
    width = std::max(width, name.size());
  }
  const auto line = [width](const std::string& name, const Row& row) {
    return fmt::format("{:<{}} {:>7} {:>9} {:>7} {:>6} {:>6}\n", name, width, row.tries,
                       row.survived, row.wrong, row.lost, row.hung);
  };
  std::string text = fmt::format("{:<{}} {:>7} {:>9} {:>7} {:>6} {:>6}\n", "fault", width, "tries",
                                 "survived", "wrong", "lost", "hung");
  for (const auto& [name, row] : m_rows) {
    text += line(name, row);
  }
  text += line("all", sum());
  for (const auto& [name, reason] : m_skipped) {
    text += fmt::format("{}: skipped: {}\n", name, reason);
  }
  return text;
}

}  // namespace nai::torture
