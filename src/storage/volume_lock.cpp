// SPDX-License-Identifier: Apache-2.0
#include <nai/storage/volume_lock.hpp>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <span>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "lease.hpp"

#include <nai/util/error.hpp>
#include <nai/util/file.hpp>
#include <nai/util/units.hpp>

namespace nai::storage {

namespace {

using std::chrono::milliseconds;

// How often a waiter looks at most and at least, whatever the heartbeat. Others hold a lease for
// hours, or just for a moment.
constexpr milliseconds k_first_poll{20};
constexpr milliseconds k_poll{1'000};

milliseconds poll_interval(const VolumeLockOptions& options, util::SteadyTime::duration waited) {
  const auto part = std::chrono::duration_cast<milliseconds>(waited) / 8;
  return std::min(options.heartbeat, std::clamp(part, k_first_poll, k_poll));
}

// Keeps a lease alive on a thread of its own.
class HeldLease final : public VolumeLock {
 public:
  struct Parts {
    std::filesystem::path path;
    LeaseHolder holder;
    util::Fd fd;
    VolumeLockOptions options;
    std::function<void(const util::Error&)> on_lost;
  };

  HeldLease(Parts parts, util::Clock& clock)
      : m_parts(std::move(parts)), m_clock(clock), m_renewed(clock.steady_now()) {
    m_thread = std::jthread([this](const std::stop_token& stop) { keep_alive(stop); });
  }

  ~HeldLease() override {
    m_thread.request_stop();
    m_thread.join();
    try {
      if (m_held) {
        remove_lease(m_parts.path, lease_text(m_parts.holder, m_heartbeat), m_parts.holder.owner);
      }
    } catch (const util::Error&) {
      // A lease that cannot be removed is found dead by the next holder.
    }
  }

  HeldLease(const HeldLease&) = delete;
  HeldLease& operator=(const HeldLease&) = delete;

  [[nodiscard]] bool held() const override { return m_held; }

  [[nodiscard]] bool confirm() override { return confirm_since(m_parts.options.dead_after / 2); }

  [[nodiscard]] bool confirm_now() override { return confirm_since(m_parts.options.heartbeat / 5); }

 private:
  // Asks the volume if it has not said for so long that the lease is ours.
  bool confirm_since(milliseconds age) {
    const auto is_old = [&] { return m_clock.steady_now() - m_renewed.load() >= age; };
    if (!m_held || is_old()) {
      // Several threads wake up from the same pause. Whoever hears that the lease is lost hears it
      // after on_lost() did, which knows why.
      const std::scoped_lock lock(m_mutex);
      if (m_held && is_old()) {
        renew();
      }
    }
    return m_held;
  }

  void keep_alive(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      m_clock.sleep_until(m_clock.steady_now() + m_parts.options.heartbeat, stop);
      if (stop.stop_requested()) {
        return;
      }
      const std::scoped_lock lock(m_mutex);
      renew();
      if (!m_held) {
        return;
      }
    }
  }

  // Trouble with the volume is tolerated until others may think us dead. Looks at the lease behind
  // the sign of life: who took it over before sees none, and who is about to lets it be. m_mutex is
  // held.
  void renew() {
    try {
      const std::string text = lease_text(m_parts.holder, m_heartbeat + 1);
      util::write_all_at(m_parts.fd, std::as_bytes(std::span(text)), 0, m_parts.path);
      util::sync_data(m_parts.fd, m_parts.path);
      ++m_heartbeat;
      const auto seen = read_lease(m_parts.path);
      const auto holder = seen ? parse_lease(*seen) : std::nullopt;
      if (!holder || holder->owner != m_parts.holder.owner) {
        lose(
            {util::ErrorKind::volume_busy,
             "this run gave no sign of life in time, or its lease was removed, and another one may "
             "have taken the volume over; it stopped so that only one writes"});
        return;
      }
      m_renewed = m_clock.steady_now();
    } catch (const util::Error& error) {
      if (m_clock.steady_now() - m_renewed.load() >= m_parts.options.dead_after / 2) {
        lose(
            error.with_context("the volume takes no sign of life of this run, which stopped "
                               "before another one takes it for dead"));
      }
    }
  }

  void lose(const util::Error& why) {
    if (m_held.exchange(false) && m_parts.on_lost) {
      m_parts.on_lost(why);
    }
  }

  Parts m_parts;
  util::Clock& m_clock;
  std::uint64_t m_heartbeat = 0;
  std::mutex m_mutex;  // one sign of life at a time
  std::atomic<util::SteadyTime> m_renewed;
  std::atomic<bool> m_held{true};
  std::jthread m_thread;
};

// Watches somebody else's lease and decides when its holder is dead.
class LeaseWatch {
 public:
  LeaseWatch(const VolumeLockOptions& options, LeaseHolder self)
      : m_options(&options), m_self(std::move(self)) {}

  // Notes what the lease said; `now` is later than the reading, which may have taken long. Time in
  // which nobody looked is no silence of the holder's: the server may have been away from both.
  void see(const std::string& text, util::SteadyTime now) {
    const bool looked_away = now - m_looked > m_options->dead_after / 2;
    if (text != m_text || looked_away) {
      m_text = text;
      m_since = now;
    }
    m_looked = now;
  }

  [[nodiscard]] bool holder_is_dead(const std::filesystem::path& lease,
                                    util::SteadyTime now) const {
    if (now - m_since >= m_options->dead_after) {
      return true;
    }
    const auto holder = parse_lease(m_text);
    const bool same_kernel = holder && !m_self.boot_id.empty() && holder->boot_id == m_self.boot_id;
    return same_kernel && holder->flock_works && flock_is_free(lease, holder->device);
  }

  [[nodiscard]] const std::string& text() const { return m_text; }
  [[nodiscard]] LockHolder holder(util::SteadyTime now) const {
    const auto silent = std::chrono::duration_cast<milliseconds>(now - m_since);
    const auto parsed = parse_lease(m_text);
    return parsed ? LockHolder{.owner = parsed->owner,
                               .host = parsed->host,
                               .pid = parsed->pid,
                               .since = parsed->since,
                               .silent = silent}
                  : LockHolder{.silent = silent};
  }

 private:
  const VolumeLockOptions* m_options;
  LeaseHolder m_self;
  std::string m_text;
  util::SteadyTime m_since{};
  util::SteadyTime m_looked{};
};

std::string format_whole_seconds(milliseconds time) {
  return util::format_duration(std::chrono::floor<std::chrono::seconds>(time));
}

[[noreturn]] void give_up(const std::string& held, const LockHolder& holder, milliseconds waited) {
  throw util::Error(
      util::ErrorKind::volume_busy,
      fmt::format("{} is in use by {}, which is still alive after {} of waiting; let it finish or "
                  "delete its Job",
                  held, holder.describe(), format_whole_seconds(waited)));
}

// A run whose lease was removed by hand, or by an administrator's script, looks at it once a
// heartbeat.
struct Waiting {
  const VolumeLockOptions& options;
  util::Clock& clock;
  const VolumeLockCallbacks& callbacks;
};

void wait_for_unknown_writer(const VolumeLock& lock, bool holder_died, const Waiting& waiting,
                             const std::stop_token& stop) {
  const auto& [options, clock, callbacks] = waiting;
  if (!callbacks.is_abandoned || !callbacks.is_abandoned(holder_died)) {
    return;
  }
  const auto start = clock.steady_now();
  const auto end = start + options.dead_after;
  for (auto now = start; now < end && lock.held() && !stop.stop_requested();
       now = clock.steady_now()) {
    if (callbacks.on_wait) {
      const auto waited = std::chrono::duration_cast<milliseconds>(now - start);
      callbacks.on_wait({.host = "a run that left work but no lease", .silent = waited}, waited);
    }
    clock.sleep_until(std::min(now + options.heartbeat, end), stop);
  }
  if (stop.stop_requested()) {
    throw util::Error(util::ErrorKind::interrupted, "interrupted while waiting for the volume");
  }
}

}  // namespace

std::string LockHolder::describe() const {
  const std::string who = host.empty() ? "an unknown process"
                          : pid == 0   ? host
                                       : fmt::format("{} (process {})", host, pid);
  return since.empty() ? who : fmt::format("{} since {}", who, since);
}

std::unique_ptr<VolumeLock> acquire_volume_lock(const std::filesystem::path& lease,
                                                const VolumeLockOptions& options,
                                                util::Clock& clock,
                                                const VolumeLockCallbacks& callbacks,
                                                const std::stop_token& stop) {
  LeaseHolder self = this_process();
  LeaseWatch watch(options, self);
  const auto start = clock.steady_now();
  auto next_report = start;
  bool proven_dead = false;  // whoever worked here last
  while (!stop.stop_requested()) {
    const auto text = read_lease(lease);
    const auto now = clock.steady_now();
    if (!text) {
      self.since = util::iso8601(clock.system_now());
      if (auto fd = create_lease(lease, self)) {
        auto lock = std::make_unique<HeldLease>(
            HeldLease::Parts{lease, self, std::move(*fd), options, callbacks.on_lost}, clock);
        wait_for_unknown_writer(*lock, proven_dead, {options, clock, callbacks}, stop);
        return lock;
      }
      // There is one after all: a client of NFS may not see for a while what another made.
      clock.sleep_until(now + poll_interval(options, now - start), stop);
      continue;
    }
    proven_dead = false;
    watch.see(*text, now);
    if (watch.holder_is_dead(lease, now)) {
      proven_dead = remove_lease(lease, watch.text(), self.owner);
      continue;
    }
    const auto waited = std::chrono::duration_cast<milliseconds>(now - start);
    if (waited >= options.wait_limit) {
      give_up(callbacks.held, watch.holder(now), waited);
    }
    if (now >= next_report && callbacks.on_wait) {
      callbacks.on_wait(watch.holder(now), waited);
      next_report = now + options.heartbeat;
    }
    clock.sleep_until(now + poll_interval(options, now - start), stop);
  }
  throw util::Error(util::ErrorKind::interrupted, "interrupted while waiting for the volume");
}

bool is_held_by_the_living(const std::vector<std::filesystem::path>& leases,
                           const VolumeLockOptions& options, util::Clock& clock,
                           const std::stop_token& stop) {
  struct Watched {
    std::filesystem::path lease;
    std::string first;
    LeaseWatch watch;
  };
  std::vector<Watched> watched;
  for (const auto& lease : leases) {
    if (auto text = read_lease(lease)) {
      watched.push_back({lease, std::move(*text), LeaseWatch(options, this_process())});
    }
  }
  const auto start = clock.steady_now();
  while (!watched.empty()) {
    for (auto each = watched.begin(); each != watched.end();) {
      const auto text = read_lease(each->lease);
      const auto now = clock.steady_now();
      if (text && *text != each->first) {
        return true;
      }
      each->watch.see(each->first, now);
      each = !text || each->watch.holder_is_dead(each->lease, now) ? watched.erase(each) : each + 1;
    }
    if (stop.stop_requested()) {
      throw util::Error(util::ErrorKind::interrupted, "interrupted while waiting for the volume");
    }
    if (!watched.empty()) {
      const auto now = clock.steady_now();
      clock.sleep_until(now + poll_interval(options, now - start), stop);
    }
  }
  return false;
}

}  // namespace nai::storage
