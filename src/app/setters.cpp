// SPDX-License-Identifier: Apache-2.0
#include "app/setters.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>

#include <nai/util/units.hpp>

#include "app/setting_values.hpp"

namespace nai::app {

using namespace std::chrono_literals;
using std::string_view;
using std::chrono::milliseconds;
using util::k_kib;
using util::k_mib;

std::string set_repository(Config& config, string_view value) {
  config.repository = value;  // checked once the provider is known
  return {};
}

std::string set_progress_interval(Config& config, string_view value) {
  return value == "auto"
             ? std::string()
             : set_duration(config.output.progress_interval.emplace(), value, {0s, 24h});
}

// The holder must be able to renew its lease several times before it counts as dead.
std::string set_dead_after(Config& config, string_view value) {
  auto problem = set_duration(config.lock.dead_after, value, {1s, 1h});
  config.lock.heartbeat = std::min<milliseconds>(5s, config.lock.dead_after / 6);
  return problem;
}

std::string set_retries(Config& config, string_view value) {
  std::uint64_t retries = 0;
  auto problem = set_number(retries, value, {0, 1000});
  config.transfer.retry.max_attempts = static_cast<int>(retries) + 1;
  return problem;
}

std::string set_retry_delay(Config& config, string_view value) {
  auto& retry = config.transfer.retry;
  auto problem = set_duration(retry.base_delay, value, {1ms, 5min});
  retry.max_delay = std::max(retry.max_delay, retry.base_delay);
  return problem;
}

std::string set_termination_file(Config& config, string_view value) {
  config.output.termination_file = std::filesystem::path(value);
  config.output.termination_file_named = true;
  return {};
}

std::string set_block_size(Config& config, string_view value) {
  std::uint64_t bytes = 0;
  auto problem = set_size(bytes, value, {4 * k_kib, 8 * k_mib});
  config.transfer.block_bytes = static_cast<std::size_t>(bytes);
  return problem;
}

std::string set_connections(Config& config, string_view value) {
  if (value == "auto") {
    config.transfer.connections.reset();
    return {};
  }
  std::uint64_t connections = 0;
  auto problem = set_number(connections, value, {1, 64});
  config.transfer.connections = static_cast<std::size_t>(connections);
  return problem;
}

std::string set_gpu_count(Config& config, string_view value) {
  std::uint64_t count = 0;
  auto problem = set_number(count, value, {1, 1024});
  config.wishes.gpu_count = static_cast<unsigned>(count);
  return problem;
}

std::string set_rate_limit(Config& config, string_view value) {
  constexpr std::uint64_t k_least = 10'000;
  const auto bytes = value == "none" ? std::uint64_t{0} : util::parse_bytes(value);
  if (!bytes || (*bytes < k_least && value != "none")) {
    return "bytes a second from 10KB on, such as 100MB or 50MiB, or none";
  }
  config.transfer.bytes_per_second = *bytes;
  return {};
}

}  // namespace nai::app
