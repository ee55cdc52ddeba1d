// SPDX-License-Identifier: Apache-2.0
#include <nai/storage/shards.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <span>
#include <string>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <nai/util/error.hpp>
#include <nai/util/file.hpp>
#include <nai/util/json.hpp>

namespace nai::storage {

namespace {

constexpr std::uint64_t k_plan_format = 1;
constexpr std::size_t k_max_plan_bytes = std::size_t{64} << 10U;

// Of one length, so that each overwrites the others.
constexpr std::string_view k_open = "open    \n";
constexpr std::string_view k_working = "working \n";
constexpr std::string_view k_complete = "complete\n";

std::string_view text_of(ShardState state) {
  switch (state) {
    case ShardState::open:
      return k_open;
    case ShardState::working:
      return k_working;
    case ShardState::complete:
      return k_complete;
  }
  return k_open;
}

std::string plan_text(const ShardPlan& plan) {
  const nlohmann::ordered_json json{{"format", k_plan_format},     {"source", plan.source},
                                    {"requested", plan.requested}, {"revision", plan.revision},
                                    {"selection", plan.selection}, {"count", plan.count}};
  return json.dump(2) + "\n";
}

}  // namespace

bool ShardPlan::same_request(const ShardPlan& other) const {
  return source == other.source && requested == other.requested && selection == other.selection &&
         count == other.count;
}

std::optional<ShardPlan> parse_shard_plan(std::string_view text) {
  const auto json = util::parse_json(text);
  if (!json || util::unsigned_member(*json, "format") != k_plan_format) {
    return std::nullopt;
  }
  const auto source = util::string_member(*json, "source");
  const auto requested = util::string_member(*json, "requested");
  const auto revision = util::string_member(*json, "revision");
  const auto selection = util::string_member(*json, "selection");
  const auto count = util::unsigned_member(*json, "count");
  if (!source || !requested || !revision || !selection || !count || *count < 1 ||
      *count > k_max_shards) {
    return std::nullopt;
  }
  return ShardPlan{std::string(*source), std::string(*requested), std::string(*revision),
                   std::string(*selection), *count};
}

ShardBoard::ShardBoard(const Layout& layout) : m_directory(layout.shards()) {}

std::optional<ShardPlan> ShardBoard::plan() const {
  const auto text = util::read_small_file(plan_path(), k_max_plan_bytes);
  return text ? parse_shard_plan(*text) : std::nullopt;
}

void ShardBoard::begin(const ShardPlan& plan) const {
  remove();
  util::make_directory(m_directory);
  for (std::uint64_t index = 0; index < plan.count; ++index) {
    util::replace_file(state_path(index), k_open);
  }
  util::replace_file(plan_path(), plan_text(plan));
}

void ShardBoard::withdraw() const {
  if (::unlink(plan_path().c_str()) != 0 && errno != ENOENT) {
    throw util::storage_error(fmt::format("cannot remove {}", plan_path().string()), errno);
  }
}

void ShardBoard::remove() const noexcept {
  // The plan first: what is left without it counts for nothing.
  static_cast<void>(::unlink(plan_path().c_str()));
  std::error_code ignored;
  std::filesystem::remove_all(m_directory, ignored);
}

ShardState ShardBoard::state(std::uint64_t index) const {
  const auto fd = util::open_existing(state_path(index), O_RDONLY | O_NOFOLLOW);
  if (!fd) {
    return ShardState::open;
  }
  std::array<char, k_open.size()> text{};
  const auto length =
      util::read_at(*fd, std::as_writable_bytes(std::span(text)), 0, state_path(index));
  const std::string_view seen(text.data(), length);
  return seen == k_complete  ? ShardState::complete
         : seen == k_working ? ShardState::working
                             : ShardState::open;
}

void ShardBoard::note(std::uint64_t index, ShardState state) const {
  const auto path = state_path(index);
  const util::Fd fd = util::open_file(path, O_WRONLY | O_NOFOLLOW);
  util::write_all_at(fd, std::as_bytes(std::span(text_of(state))), 0, path);
  util::sync_data(fd, path);
}

void look_again(const std::filesystem::path& directory) noexcept {
  try {
    std::string name = (directory / ".look.XXXXXX").string();
    if (const int fd = ::mkostemp(name.data(), O_CLOEXEC); fd >= 0) {
      ::close(fd);
      ::unlink(name.c_str());
    }
  } catch (const std::exception&) {
    return;
  }
}

std::filesystem::path ShardBoard::lease(std::uint64_t index) const {
  return m_directory / fmt::format("{}.lease", index);
}

std::filesystem::path ShardBoard::state_path(std::uint64_t index) const {
  return m_directory / fmt::format("{}.state", index);
}

}  // namespace nai::storage
