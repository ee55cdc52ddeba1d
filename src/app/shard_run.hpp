// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include <nai/source/source.hpp>
#include <nai/storage/shards.hpp>
#include <nai/storage/volume.hpp>
#include <nai/storage/volume_lock.hpp>
#include <nai/transfer/download.hpp>
#include <nai/transfer/shard.hpp>
#include <nai/util/error.hpp>

#include "app/config.hpp"
#include "app/lock_loss.hpp"
#include "app/session.hpp"

namespace nai::app {

// What the shards of one download have in common; everything outlives them.
struct ShardContext {
  const Config& config;
  const Session& session;
  const storage::ShardPlan& plan;
  const source::Manifest& manifest;  // of the whole model
  source::Source& source;
};

// Brings one shard of a model onto the volume: whole files published, portions durable.
class ShardRun {
 public:
  ShardRun(const ShardContext& context, std::uint64_t index);

  // Takes the shard. Blocks while somebody else has it, at most as long as `wait_limit`. Throws
  // Error{volume_busy} after that, and when the pods' plan was taken away; others too.
  void take(std::chrono::milliseconds wait_limit);
  // The same without waiting: false when somebody has it.
  [[nodiscard]] bool try_take();
  // Fetches what is missing of it and notes that it is complete. After take(). Throws Error.
  void run();

 private:
  void announce(const transfer::Shard& shard);
  void fetch(const transfer::Shard& shard);
  void require_plan() const;
  // `held`: what the lease said just now.
  [[nodiscard]] bool may_go_on(bool held);
  void note(storage::ShardState state);
  void note_open() noexcept;
  [[nodiscard]] bool plan_stands();

  const ShardContext& m_context;
  std::uint64_t m_index;
  storage::Volume m_volume;
  storage::ShardBoard m_board;
  transfer::Progress m_progress;
  std::stop_source m_stop;  // of this shard: who lost it may still find the model complete
  std::stop_callback<std::function<void()>> m_forward_stop;
  LockLoss m_lock_loss;
  std::atomic<util::SteadyTime> m_plan_seen;
  std::unique_ptr<storage::VolumeLock> m_lock;  // last: its thread uses what is above
};

// Why pods stop whose plan is not there any more.
[[nodiscard]] util::Error taken_over();
// Why a pod does not begin that `wanted` something else than the pods of `plan`, which are at work.
[[nodiscard]] util::Error other_pods_at_work(const storage::ShardPlan& wanted,
                                             const storage::ShardPlan& plan);
// "shard 1 (of 0 to 3)"
[[nodiscard]] std::string name_of_shard(std::uint64_t index, std::uint64_t count);

}  // namespace nai::app
