// SPDX-License-Identifier: Apache-2.0
#include <nai/transfer/chunk_queue.hpp>

#include <algorithm>

namespace nai::transfer {

namespace {

// Blocks are written and aligned in units of this, so chunks end there too.
constexpr std::uint64_t k_lease_alignment = std::uint64_t{1} << 20U;

// A file of so many of the shortest chunks is small. The Hub serves files of up to 10 MB itself,
// and each of their ranges would be a request to it.
constexpr std::uint64_t k_small_chunks = 2;

// A lease that ends sooner than this is left to its worker.
constexpr double k_worth_dividing_seconds = 1;

// A lease that ends sooner than this holds up nobody.
constexpr double k_long_seconds = 2;

constexpr std::chrono::seconds k_redial_patience{5};

// Less than this is no progress: a server that sends a few bytes a minute must not keep a run alive
// for ever.
constexpr std::uint64_t k_progress_bytes = std::uint64_t{64} << 10U;

}  // namespace

ChunkQueue::ChunkQueue(ChunkQueueOptions options) : m_options(options) {}

void ChunkQueue::add(std::size_t file, std::uint64_t size,
                     const std::vector<util::ByteRange>& missing) {
  if (size > std::min(m_options.chunk_bytes, k_small_chunks * m_options.min_chunk_bytes)) {
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
  divide_long_leases(now);
  std::optional<Lease> chunk = take_gap();
  if (ActiveLease* victim = chunk ? nullptr : slowest(now)) {
    share(*victim);
    chunk = take_gap();
  }
  if (chunk) {
    chunk->id = ++m_last_id;
    ++(m_large.contains(chunk->file) ? m_large_in_flight : m_small_in_flight);
    m_active[chunk->id] = {.lease = *chunk, .claimed = chunk->range.offset, .begun = now};
  }
  return chunk;
}

std::optional<Lease> ChunkQueue::take_gap() {
  const auto large = choose_large();
  if (!m_small.empty() && (large == m_large.end() || m_small_in_flight <= m_large_in_flight)) {
    return take_small();
  }
  if (large != m_large.end()) {
    return take_large(large);
  }
  return std::nullopt;
}

Lease ChunkQueue::take_small() {
  const Lease chunk = m_small.front();
  m_small.pop_front();
  return chunk;
}

Lease ChunkQueue::take_large(LargeFiles::iterator chosen) {
  LargeFile& file = chosen->second;
  Lease gap = file.gaps.begin()->second;
  file.gaps.erase(file.gaps.begin());
  Lease chunk = gap;
  chunk.range.length = chunk_length(file, gap.range.length);
  if (chunk.range.length < gap.range.length) {
    const util::ByteRange rest{chunk.range.end(), gap.range.length - chunk.range.length};
    file.gaps.emplace(
        rest.offset,
        Lease{.file = gap.file, .range = rest, .failures = gap.failures, .redials = gap.redials});
  }
  m_large_unleased_bytes -= chunk.range.length;
  file.begun = true;
  ++file.in_flight;
  return chunk;
}

// The active lease that would take longest from now on, if a second connection makes it shorter by
// more than opening one costs.
ActiveLease* ChunkQueue::slowest(util::SteadyTime now) {
  ActiveLease* slowest = nullptr;
  double longest = k_worth_dividing_seconds;
  for (auto& [id, active] : m_active) {
    const double elapsed = std::chrono::duration<double>(now - active.begun).count();
    const bool silent = active.done_bytes() == 0;
    if (active.left_bytes() == 0 || elapsed < k_worth_dividing_seconds ||
        (silent && now - active.begun < patience(active.lease))) {
      continue;
    }
    const double bytes = static_cast<double>(std::max<std::uint64_t>(active.done_bytes(), 1));
    const double left = static_cast<double>(active.left_bytes()) * elapsed / bytes;
    // What is too little to be divided has to be worth the loss of a connection that works.
    const bool divides = silent || active.left_bytes() >= 2 * k_lease_alignment;
    const double patient = static_cast<double>(patience(active.lease).count());
    if (left > longest && (divides || left > patient)) {
      longest = left;
      slowest = &active;
    }
  }
  return slowest;
}

// A lease from when its file had one worker, on a connection that turned out to be slow, would hold
// up the checksum while others fetch what comes behind it.
void ChunkQueue::divide_long_leases(util::SteadyTime now) {
  if (!has_shared_files() || m_options.window_bytes == 0) {
    return;
  }
  const std::uint64_t length = shared_length();
  for (auto& [id, active] : m_active) {
    const double elapsed = std::chrono::duration<double>(now - active.begun).count();
    const auto left = static_cast<double>(active.left_bytes());
    if (m_large.contains(active.lease.file) && active.done_bytes() > 0 &&
        active.left_bytes() > 2 * length &&
        left * elapsed > k_long_seconds * static_cast<double>(active.done_bytes())) {
      shorten(active, (active.claimed + length) / k_lease_alignment * k_lease_alignment, 0);
    }
  }
}

// Leaves its worker half, or nothing if it has brought nothing or only a little is left.
void ChunkQueue::share(ActiveLease& victim) {
  const std::uint64_t left = victim.left_bytes();
  const bool silent = victim.done_bytes() == 0;
  if (silent || left < 2 * k_lease_alignment) {
    shorten(victim, victim.claimed, victim.lease.redials + 1);
  } else {
    shorten(victim, (victim.claimed + left / 2) / k_lease_alignment * k_lease_alignment, 0);
  }
}

// What was behind `end` is free again.
void ChunkQueue::shorten(ActiveLease& active, std::uint64_t end, int redials) {
  end = std::max(end, active.claimed);
  util::ByteRange& range = active.lease.range;
  if (end >= range.end()) {
    return;
  }
  add_ready({.file = active.lease.file, .range = {end, range.end() - end}, .redials = redials});
  range.length = end - range.offset;
  if (end == active.claimed) {
    m_emptied.push_back(active.lease.id);
  }
}

std::chrono::seconds ChunkQueue::patience(const Lease& lease) {
  return k_redial_patience * (1 << std::min(lease.redials, 5));
}

std::uint64_t ChunkQueue::claim(std::uint64_t lease, std::uint64_t end) {
  ActiveLease& active = m_active.at(lease);
  active.claimed = std::max(active.claimed, std::min(end, active.lease.range.end()));
  return active.claimed;
}

void ChunkQueue::cut(std::uint64_t lease) {
  if (const auto found = m_active.find(lease); found != m_active.end()) {
    ActiveLease& active = found->second;
    shorten(active, active.claimed, active.done_bytes() == 0 ? active.lease.redials + 1 : 0);
  }
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

bool ChunkQueue::has_shared_files() const { return m_large.size() < m_options.workers; }

// What a worker that shares its file asks for at most.
std::uint64_t ChunkQueue::shared_length() const {
  const std::uint64_t longest = m_options.chunk_bytes;
  if (m_options.workers <= 1 || m_options.window_bytes == 0) {
    return longest;
  }
  const std::uint64_t together =
      std::max<std::uint64_t>(m_options.window_bytes / m_options.workers, m_min_shared_bytes);
  return std::clamp(together / k_lease_alignment * k_lease_alignment,
                    std::min(k_lease_alignment, longest), longest);
}

// Full chunks while there is plenty; short ones where workers share a file, so that they stay
// together; towards the end smaller ones, so that no worker is left alone with a long tail.
std::uint64_t ChunkQueue::chunk_length(const LargeFile& file, std::uint64_t gap_bytes) const {
  const std::uint64_t workers = std::max<std::size_t>(m_options.workers, 1);
  const bool shared = file.in_flight > 0 || has_shared_files();
  const std::uint64_t longest = shared ? shared_length() : m_options.chunk_bytes;
  const std::uint64_t fair =
      m_large_unleased_bytes / (2 * workers) / k_lease_alignment * k_lease_alignment;
  std::uint64_t smallest = std::min(m_options.min_chunk_bytes, longest);
  if (m_tail_bytes > 0) {
    const std::uint64_t tail = std::max(m_tail_bytes, m_min_shared_bytes);
    smallest = std::min(smallest,
                        std::max(tail / k_lease_alignment * k_lease_alignment, k_lease_alignment));
  }
  return std::min(gap_bytes, std::clamp(fair, smallest, longest));
}

std::optional<util::SteadyTime> ChunkQueue::next_ready() const {
  if (m_waiting.empty()) {
    return std::nullopt;
  }
  return m_waiting.begin()->first;
}

std::uint64_t ChunkQueue::give_back(std::uint64_t lease, std::uint64_t done_bytes,
                                    util::SteadyTime not_before) {
  const Lease over = m_active.extract(lease).mapped().lease;
  const auto large = m_large.find(over.file);
  --(large == m_large.end() ? m_small_in_flight : m_large_in_flight);
  if (large != m_large.end()) {
    --large->second.in_flight;
  }
  const std::uint64_t left = over.range.length - std::min(done_bytes, over.range.length);
  if (left > 0) {
    m_waiting.emplace(not_before, Lease{.file = over.file,
                                        .range = {over.range.end() - left, left},
                                        .failures = failures_after(over, done_bytes)});
    if (large != m_large.end()) {
      ++large->second.waiting;
    }
  } else if (large != m_large.end() && large->second.gaps.empty() && large->second.in_flight == 0 &&
             large->second.waiting == 0) {
    m_large.erase(large);
  }
  return left;
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
