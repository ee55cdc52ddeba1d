// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include <nai/util/clock.hpp>
#include <nai/util/error.hpp>

namespace nai::storage {

struct VolumeLockOptions {
  // The holder renews its lease this often.
  std::chrono::milliseconds heartbeat{5'000};
  // A lease that did not change for this long has lost its holder.
  std::chrono::milliseconds dead_after{30'000};
  // Give up waiting for a living holder after this long.
  std::chrono::milliseconds wait_limit{std::chrono::hours(24)};
};

// A lease on the volume, so that two Jobs do not do the same work. It is a file with the owner's
// identity and a counter that the owner keeps changing. Whoever sees it unchanged for `dead_after`
// on its own clock takes it over; on the holder's own machine the kernel's word that the holder's
// flock is gone is proof enough and saves the wait, provided that the holder saw flock work.
// Nothing else rests on flock, which on NFS may fail, lie, or be local. Correctness of the
// published bytes does not rest on the lease.
class VolumeLock {
 public:
  virtual ~VolumeLock() = default;  // releases the lease if it is still ours

  // False once the lease was lost: it could not be renewed in time, or somebody else's is in its
  // place.
  [[nodiscard]] virtual bool held() const = 0;
  // Whether this run may write now. Asks the volume when the last sign of life is so old that
  // another run may have taken over meanwhile, as after a pause of this process or its machine; may
  // block then. Thread-safe.
  [[nodiscard]] virtual bool confirm() = 0;
  // The same for what others see at once: files that appear or go, and the record. Asks the volume
  // unless it said so a moment ago, a fifth of a heartbeat. Thread-safe.
  [[nodiscard]] virtual bool confirm_now() = 0;
};

// Who holds the volume that we wait for.
struct LockHolder {
  std::string owner = {};  // random, another one for each run; empty when the lease is unreadable
  std::string host = {};
  std::int64_t pid = 0;
  std::string since = {};  // by the holder's clock, ISO 8601; empty when it does not say
  std::chrono::milliseconds silent{0};  // how long we have seen no sign of life

  // "nai-import-x7 (process 1) since 2026-03-01T12:00:00Z".
  [[nodiscard]] std::string describe() const;
};

struct VolumeLockCallbacks {
  // While waiting, about every heartbeat: who holds the volume, and how long we have waited.
  std::function<void(const LockHolder& holder, std::chrono::milliseconds waited)> on_wait;
  // At most once, when the lease is lost, from the heartbeat thread or in confirm(). The error says
  // why: volume_busy when another run has it, storage when the volume takes no sign of life.
  std::function<void(const util::Error& why)> on_lost = {};
  // Asked when the lease is ours: may somebody be at work all the same? Then it stands for
  // `dead_after` before acquire_volume_lock() returns, so that whoever it is sees it and stops.
  // `holder_died`: whoever had the lease before is known to be dead.
  std::function<bool(bool holder_died)> is_abandoned = {};
  // What the lease is for, as errors name it.
  std::string held = "the volume";
};

// Blocks until the lease is ours. Throws Error{volume_busy} past the wait limit, Error{interrupted}
// on `stop`, Error{storage or no_space}. The directory of `lease` must exist.
[[nodiscard]] std::unique_ptr<VolumeLock> acquire_volume_lock(const std::filesystem::path& lease,
                                                              const VolumeLockOptions& options,
                                                              util::Clock& clock,
                                                              const VolumeLockCallbacks& callbacks,
                                                              const std::stop_token& stop);

// Whether whoever holds one of `leases` lives: blocks until a holder gives a sign of life, or each
// is gone or counts as dead, which takes `dead_after` for all of them together. Throws
// Error{interrupted} on `stop`, Error{storage}.
[[nodiscard]] bool is_held_by_the_living(const std::vector<std::filesystem::path>& leases,
                                         const VolumeLockOptions& options, util::Clock& clock,
                                         const std::stop_token& stop);

}  // namespace nai::storage
