// SPDX-License-Identifier: Apache-2.0
#include <nai/transfer/chunk_queue.hpp>

#include <algorithm>

namespace nai::transfer {

namespace {

// Blocks are written and aligned in units of this, so chunks end there too.
constexpr std::uint64_t k_alignment = std::uint64_t{1} << 20U;

// Less than this is no progress: a server that sends a few bytes a minute must not keep a run alive
// for ever.
constexpr std::uint64_t k_progress_bytes = std::uint64_t{64} << 10U;

}  // namespace

ChunkQueue::ChunkQueue(ChunkQueueOptions options) : m_options(options) {}

void ChunkQueue::add(std::size_t file, std::uint64_t size,
                     const std::vector<util::ByteRange>& missing) {
  if (size > m_options.chunk_bytes) {
    m_large.try_emplace(file);
  }
  for (const util::ByteRange& range : missing) {
    add_ready({.file = file, .range = range});
  }
}

void ChunkQueue::add_ready(const Lease& chunk) {
  const auto large = m_large.find(chunk.file);
  if (large == m_large.end()) {
    m_small.push_back(chunk);
    return;
  }
  large->second.gaps.emplace(chunk.range.offset, chunk);
  m_large_unleased_bytes += chunk.range.length;
}

void ChunkQueue::wake_waiting(util::SteadyTime now) {
  while (!m_waiting.empty() && m_waiting.begin()->first <= now) {
    const Lease chunk = m_waiting.begin()->second;
    m_waiting.erase(m_waiting.begin());
    if (const auto large = m_large.find(chunk.file); large != m_large.end()) {
      --large->second.waiting;
    }
    add_ready(chunk);
  }
}

std::optional<Lease> ChunkQueue::next(util::SteadyTime now) {
  wake_waiting(now);
  const auto large = choose_large();
  if (!m_small.empty() && (large == m_large.end() || m_small_in_flight <= m_large_in_flight)) {
    return lease_small();
  }
  if (large != m_large.end()) {
    return lease_large(large);
  }
  return std::nullopt;
}

Lease ChunkQueue::lease_small() {
  const Lease chunk = m_small.front();
  m_small.pop_front();
  ++m_small_in_flight;
  return chunk;
}

Lease ChunkQueue::lease_large(LargeFiles::iterator chosen) {
  LargeFile& file = chosen->second;
  Lease gap = file.gaps.begin()->second;
  file.gaps.erase(file.gaps.begin());
  Lease chunk = gap;
  chunk.range.length = chunk_length(gap.range.length);
  if (chunk.range.length < gap.range.length) {
    const util::ByteRange rest{chunk.range.end(), gap.range.length - chunk.range.length};
    file.gaps.emplace(rest.offset,
                      Lease{.file = gap.file, .range = rest, .failures = gap.failures});
  }
  m_large_unleased_bytes -= chunk.range.length;
  file.begun = true;
  ++file.in_flight;
  ++m_large_in_flight;
  return chunk;
}

// Begun files without a worker, then new files while there are fewer begun ones than workers, then
// the begun file with the fewest workers.
ChunkQueue::LargeFiles::iterator ChunkQueue::choose_large() {
  auto fresh = m_large.end();
  auto shared = m_large.end();
  std::size_t begun = 0;
  for (auto it = m_large.begin(); it != m_large.end(); ++it) {
    const LargeFile& file = it->second;
    begun += file.begun ? 1U : 0U;
    if (file.gaps.empty()) {
      continue;
    }
    if (file.begun && file.in_flight == 0) {
      return it;
    }
    if (!file.begun) {
      fresh = fresh == m_large.end() ? it : fresh;
    } else if (shared == m_large.end() || file.in_flight < shared->second.in_flight) {
      shared = it;
    }
  }
  const bool may_begin = begun < m_options.workers || shared == m_large.end();
  return fresh != m_large.end() && may_begin ? fresh : shared;
}

// Full chunks while there is plenty; towards the end smaller ones, so that no worker is left alone
// with a long tail.
std::uint64_t ChunkQueue::chunk_length(std::uint64_t gap_bytes) const {
  const std::uint64_t fair =
      m_large_unleased_bytes / (2 * std::max<std::size_t>(m_options.workers, 1));
  const std::uint64_t aligned = fair / k_alignment * k_alignment;
  const std::uint64_t smallest = std::min(m_options.min_chunk_bytes, m_options.chunk_bytes);
  return std::min(gap_bytes, std::clamp(aligned, smallest, m_options.chunk_bytes));
}

std::optional<util::SteadyTime> ChunkQueue::next_ready() const {
  if (m_waiting.empty()) {
    return std::nullopt;
  }
  return m_waiting.begin()->first;
}

void ChunkQueue::give_back(const Lease& lease, std::uint64_t done_bytes,
                           util::SteadyTime not_before) {
  const auto large = m_large.find(lease.file);
  if (large == m_large.end()) {
    --m_small_in_flight;
  } else {
    --m_large_in_flight;
    --large->second.in_flight;
  }
  if (done_bytes < lease.range.length) {
    const util::ByteRange rest{lease.range.offset + done_bytes, lease.range.length - done_bytes};
    m_waiting.emplace(
        not_before,
        Lease{.file = lease.file, .range = rest, .failures = failures_after(lease, done_bytes)});
    if (large != m_large.end()) {
      ++large->second.waiting;
    }
    return;
  }
  if (large != m_large.end() && large->second.gaps.empty() && large->second.in_flight == 0 &&
      large->second.waiting == 0) {
    m_large.erase(large);
  }
}

int ChunkQueue::failures_after(const Lease& lease, std::uint64_t done_bytes) {
  return done_bytes >= k_progress_bytes ? 0 : lease.failures + 1;
}

bool ChunkQueue::exhausted() const {
  const auto has_gaps = [](const auto& entry) { return !entry.second.gaps.empty(); };
  return m_small.empty() && m_waiting.empty() &&
         std::none_of(m_large.begin(), m_large.end(), has_gaps);
}

}  // namespace nai::transfer
