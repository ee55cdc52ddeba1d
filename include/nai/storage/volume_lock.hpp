// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include <nai/util/clock.hpp>

namespace nai::storage {

struct VolumeLockOptions {
  std::chrono::milliseconds heartbeat{5'000};    // the holder renews its lease this often
  std::chrono::milliseconds dead_after{30'000};  // a lease that did not change for this long has lost its holder
  std::chrono::milliseconds wait_limit{std::chrono::hours(24)};  // give up waiting for a living holder
};

// A lease on the volume, so that two Jobs do not do the same work. It is a file with the owner's identity and a counter
// that the owner keeps changing; whoever sees it unchanged for `dead_after` on its own clock takes it over. flock is not used: on NFS it may
// fail, lie, or outlive its holder. Correctness of the published bytes does not rest on it.
class VolumeLock {
 public:
  virtual ~VolumeLock() = default;  // releases the lease if it is still ours

  // False once the lease was lost: the heartbeat could not be renewed in time, or another owner's is in its place.
  [[nodiscard]] virtual bool held() const = 0;
};

// Called while waiting, about every heartbeat: who holds the volume and since when we wait.
using WaitReport =
    std::function<void(const std::string& holder, std::chrono::milliseconds waited)>;

// Blocks until the lease is ours. `on_lost` is called at most once, from the heartbeat thread. Throws Error{volume_busy} past the wait
// limit, Error{interrupted} on `stop`, Error{storage}. The directory of `lease` must exist.
[[nodiscard]] std::unique_ptr<VolumeLock> acquire_volume_lock(
    const std::filesystem::path& lease, const VolumeLockOptions& options, util::Clock& clock,
    const WaitReport& report, std::function<void()> on_lost, const std::stop_token& stop);

}  // namespace nai::storage
