// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <nai/storage/layout.hpp>

namespace nai::storage {

// What the pods of a sharded download must agree on.
struct ShardPlan {
  std::string source;     // as in the completion record
  std::string requested;  // the revision as the Job names it; empty: the default branch
  std::string revision;   // the full commit that it was for the first pod that came
  std::string selection;  // as in the completion record
  std::uint64_t count = 1;

  // Whether the Jobs are the same, though the branch may have moved between them.
  [[nodiscard]] bool same_request(const ShardPlan& other) const;
  friend bool operator==(const ShardPlan&, const ShardPlan&) = default;
};

enum class ShardState {
  open,      // nobody began it, or who did has ended and left a part of it to do
  working,   // somebody began it and did not say that it has ended; its lease tells more
  complete,  // published or, where files are shared, durable
};

// Where the pods of a sharded download meet, below .nai/shards: the plan, and for each shard a
// state and a lease. The states are files that are there from the beginning and are written in
// place, because opening a file makes NFS ask the server, while the absence of one may be
// remembered. A pod that ends notes its state before it looks at the others', so that at least the
// last one sees all complete.
class ShardBoard {
 public:
  explicit ShardBoard(const Layout& layout);

  // Empty when there is none, or one that this program cannot read.
  [[nodiscard]] std::optional<ShardPlan> plan() const;
  // Replaces the plan; all shards are open then. The caller holds the volume and nobody works on a
  // shard. Throws Error{storage or no_space}.
  void begin(const ShardPlan& plan) const;
  // Takes the plan away, so that whoever works on a shard stops. Throws Error{storage}.
  void withdraw() const;
  // Removes all. What cannot be removed does no harm.
  void remove() const noexcept;

  [[nodiscard]] ShardState state(std::uint64_t index) const;
  // Durable when it returns. Throws Error{storage or no_space}.
  void note(std::uint64_t index, ShardState state) const;
  [[nodiscard]] std::filesystem::path lease(std::uint64_t index) const;

 private:
  [[nodiscard]] std::filesystem::path plan_path() const { return m_directory / "plan.json"; }
  [[nodiscard]] std::filesystem::path state_path(std::uint64_t index) const;

  std::filesystem::path m_directory;
};

// Makes an NFS client ask its server again which names `directory` has; it may remember for a
// minute what it saw, or did not see, unless it changes the directory itself. What cannot be done
// is left.
void look_again(const std::filesystem::path& directory) noexcept;

// Text form, for tests and the fuzzer. Empty when the text is no plan.
[[nodiscard]] std::optional<ShardPlan> parse_shard_plan(std::string_view text);

// More shards than this are refused.
inline constexpr std::uint64_t k_max_shards = 1024;

}  // namespace nai::storage
