// SPDX-License-Identifier: Apache-2.0
#include "file_transfer.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace nai::transfer {

namespace {

// While the checksum goes through what an earlier run left, a worker waits for it only when it is
// at most this far behind: whoever waited longer would let the network idle.
constexpr std::uint64_t k_max_lag_bytes = std::uint64_t{128} << 20U;
// There is no waiting for one that stands still: the verifiers may be busy with another file.
constexpr std::chrono::seconds k_checksum_patience{2};
// A run after a kill hashes at most so much again of what it finds.
constexpr std::uint64_t k_note_bytes = std::uint64_t{64} << 20U;
// Room also comes from other files, which tell nobody.
constexpr std::chrono::milliseconds k_checksum_interval{10};

}  // namespace

FileTransfer::FileTransfer(storage::FileIdentity identity, std::optional<util::ByteRange> portion,
                           BlockPool& pool, Progress& progress, std::function<bool()> in_pairs)
    : m_identity(std::move(identity)),
      m_is_portion(portion.has_value()),
      m_wanted(portion.value_or(util::ByteRange{0, m_identity.size})),
      m_hash_end(m_wanted.offset == 0 ? m_wanted.end() : 0),
      m_pool(pool),
      m_in_pairs(std::move(in_pairs)),
      m_progress(progress),
      m_shown(progress.files.add(m_identity.path, m_wanted.length)),
      m_recorded(m_identity.digest.algorithm(), m_identity.size),
      m_hasher(m_recorded),
      m_trail(m_identity) {}

void FileTransfer::open(storage::Volume& volume, bool journaled, const std::stop_token& stop) {
  if (m_open) {
    return;
  }
  const std::scoped_lock partial_lock(m_partial_mutex);
  if (m_partial) {
    return;
  }
  m_partial = volume.open_partial(m_identity, journaled,
                                  m_is_portion ? std::optional(m_wanted) : std::nullopt, stop);
  const std::scoped_lock lock(m_mutex);
  const util::RangeSet present = m_partial->present();
  m_shown->bytes_present = present.total_bytes();
  m_found_end = present.ranges().empty() ? 0 : present.ranges().back().end();
  m_hasher = m_partial->hasher();
  m_recorded = m_hasher;
  m_noted = m_hasher.position();
  m_trail = volume.trail_in_progress(m_identity, m_hasher.position());
  m_trail.follow(m_hasher);
  m_direct = m_partial->is_direct();
  m_open = true;
}

FileTransfer::Next FileTransfer::begin() {
  {
    const std::scoped_lock lock(m_mutex);
    m_baton_taken = true;
  }
  return settle();
}

bool FileTransfer::try_take(std::uint64_t offset) {
  const std::scoped_lock lock(m_mutex);
  if (m_baton_taken || m_hasher.position() != offset) {
    return false;
  }
  m_baton_taken = true;
  return true;
}

FileTransfer::Next FileTransfer::settle() {
  const std::scoped_lock lock(m_mutex);
  m_recorded = m_hasher;
  m_moved.notify_all();
  const std::uint64_t position = m_hasher.position();
  if (position == m_hash_end && m_partial->contiguous_end(m_wanted.offset) >= m_wanted.end()) {
    m_early.clear();
    return Next::complete;
  }
  // Blocks are on disk before their writers look for the baton, so whatever is missed here is seen
  // by its writer.
  if (position < m_hash_end && m_partial->contiguous_end(position) > position) {
    return is_ready() ? Next::ready : Next::catch_up;
  }
  m_baton_taken = false;
  return Next::nothing;
}

FileTransfer::Next FileTransfer::take_block(BlockPool::Block& block, std::size_t length,
                                            std::uint64_t offset, std::uint64_t checksum) {
  const auto data = block.bytes().first(length);
  const std::uint64_t fetch = m_fetch;
  m_partial->write(data, offset, checksum);
  m_progress.bytes_present += length;
  m_shown->bytes_present += length;
  if (m_hash_end == 0) {
    return try_take(0) ? settle() : Next::nothing;
  }
  if (!try_take(offset)) {
    keep(block, length, offset, fetch);
    return Next::nothing;
  }
  if (m_in_pairs() && put_aside(block, length, offset)) {
    return Next::ready;
  }
  hash(data);
  return settle();
}

bool FileTransfer::put_aside(BlockPool::Block& block, std::size_t length, std::uint64_t offset) {
  BlockPool::Block spare = m_pool.try_take();
  if (!spare) {
    return false;
  }
  const std::scoped_lock lock(m_mutex);
  m_early.insert_or_assign(offset, EarlyBlock{std::exchange(block, std::move(spare)), length});
  return true;
}

bool FileTransfer::is_ready() const {
  return m_in_pairs() && m_early.contains(m_hasher.position());
}

void FileTransfer::keep(BlockPool::Block& block, std::size_t length, std::uint64_t offset,
                        std::uint64_t fetch) {
  BlockPool::Block spare = take_spare(offset);
  if (!spare) {
    return;
  }
  const std::scoped_lock lock(m_mutex);
  if (offset >= m_recorded.position() && fetch == m_fetch) {
    m_early.insert_or_assign(offset, EarlyBlock{std::exchange(block, std::move(spare)), length});
  }
}

// To run ahead of the checksum would only mean to read everything back, and to wait for it at the
// end. Where reading back asks no disk it is the better way.
BlockPool::Block FileTransfer::take_spare(std::uint64_t offset) {
  using Clock = std::chrono::steady_clock;
  std::unique_lock lock(m_mutex);
  std::uint64_t seen = m_recorded.position();
  auto moved = Clock::now();
  while (true) {
    BlockPool::Block spare = m_pool.try_take();
    const std::uint64_t position = m_recorded.position();
    const bool close_behind =
        offset > position && (position >= m_found_end || offset - position <= k_max_lag_bytes);
    // Room comes when the checksum has gone through what waits already.
    const bool will_move = m_baton_taken && !m_early.empty() && position != m_stands_at;
    if (spare || !close_behind || !will_move || !m_direct) {
      return spare;
    }
    const auto now = Clock::now();
    moved = position == seen ? moved : now;
    seen = position;
    if (now - moved >= k_checksum_patience) {
      m_stands_at = position;
    }
    m_moved.wait_for(lock, k_checksum_interval);
  }
}

FileTransfer::EarlyBlock FileTransfer::take_early(std::uint64_t offset) {
  const std::scoped_lock lock(m_mutex);
  m_early.erase(m_early.begin(), m_early.lower_bound(offset));
  if (m_early.empty() || m_early.begin()->first != offset) {
    return {};
  }
  return std::move(m_early.extract(m_early.begin()).mapped());
}

std::uint64_t FileTransfer::next_early() const {
  const std::scoped_lock lock(m_mutex);
  return m_early.empty() ? m_identity.size : m_early.begin()->first;
}

FileTransfer::Next FileTransfer::catch_up(std::span<std::byte> buffer,
                                          const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const std::uint64_t position = m_hasher.position();
    const std::uint64_t end = m_partial->contiguous_end(position);
    if (end > position) {
      hash_next(end, buffer);
    }
    const Next next = settle();
    if (next != Next::catch_up) {
      return next;
    }
  }
  const std::scoped_lock lock(m_mutex);
  m_stands_at = m_recorded.position();
  return Next::nothing;
}

void FileTransfer::hash_next(std::uint64_t end, std::span<std::byte> buffer) {
  const std::uint64_t position = m_hasher.position();
  if (const EarlyBlock early = take_early(position); early.block) {
    hash(early.block.bytes().first(early.length));
    return;
  }
  const std::uint64_t available = std::min(end, next_early()) - position;
  const auto piece = buffer.first(std::min<std::uint64_t>(buffer.size(), available));
  m_partial->read(piece, position);
  m_progress.bytes_read_back += piece.size();
  hash(piece);
}

FileTransfer::Next FileTransfer::hash_ready(const std::function<bool()>& wait) {
  Next next = hash_block();
  while (next == Next::ready && !wait()) {
    next = hash_block();
  }
  return next;
}

FileTransfer::Next FileTransfer::hash_block() {
  {
    const EarlyBlock early = take_early(m_hasher.position());
    hash(early.block.bytes().first(early.length));
  }  // who waits for room finds it when the checksum has moved
  return settle();
}

std::pair<FileTransfer::Next, FileTransfer::Next> FileTransfer::hash_ready(FileTransfer& first,
                                                                           FileTransfer& second) {
  {
    const EarlyBlock one = first.take_early(first.m_hasher.position());
    const EarlyBlock other = second.take_early(second.m_hasher.position());
    digest::Hasher::update_pair(first.m_hasher, one.block.bytes().first(one.length),
                                second.m_hasher, other.block.bytes().first(other.length));
    first.follow(one.length);
    second.follow(other.length);
  }
  return {first.settle(), second.settle()};
}

void FileTransfer::hash(std::span<const std::byte> data) {
  m_hasher.update(data);
  follow(data.size());
}

void FileTransfer::follow(std::size_t bytes) {
  m_trail.follow(m_hasher);
  m_progress.bytes_hashed += bytes;
  if (m_hasher.position() - m_noted >= k_note_bytes) {
    m_partial->note(m_hasher);
    m_noted = m_hasher.position();
  }
}

digest::Digest FileTransfer::digest() const { return m_hasher.digest(); }

void FileTransfer::publish(storage::Volume& volume) {
  m_ending = true;
  const std::scoped_lock lock(m_partial_mutex);
  m_trail.write_to_nothing();
  volume.publish(*m_partial, m_trail);
  m_open = false;
  m_partial.reset();
}

void FileTransfer::seal() {
  m_ending = true;
  const std::scoped_lock lock(m_partial_mutex);
  m_trail.write_to_nothing();
  m_partial->seal(m_hasher);
  m_open = false;
  m_partial.reset();
}

void FileTransfer::reset() {
  const std::scoped_lock partial_lock(m_partial_mutex);
  m_partial->reset();
  m_progress.bytes_present -= m_identity.size;
  m_shown->bytes_present = 0;
  const std::scoped_lock lock(m_mutex);
  m_hasher = m_partial->hasher();
  m_recorded = m_hasher;
  m_noted = 0;
  m_found_end = 0;
  m_trail.clear();
  m_early.clear();
  ++m_fetch;
  m_baton_taken = false;
}

void FileTransfer::sync() {
  if (m_ending) {
    return;
  }
  const std::scoped_lock partial_lock(m_partial_mutex);
  if (!m_partial) {
    return;
  }
  const digest::Hasher verified = [this] {
    const std::scoped_lock lock(m_mutex);
    return m_recorded;
  }();
  m_partial->sync(verified);
}

}  // namespace nai::transfer
