// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include <nai/digest/hasher.hpp>
#include <nai/storage/volume.hpp>
#include <nai/transfer/progress.hpp>
#include <nai/util/byte_range.hpp>

#include "block_pool.hpp"

namespace nai::transfer {

// One artifact on its way to the volume: its partial file and the checksum that follows the bytes.
//
// The checksum is a baton: at any time at most one thread holds it and moves it forward. A worker
// whose block begins where the checksum stands hashes that block from memory. A block that came too
// early stays in memory while there is room for it, and a verifier hashes it in its turn. While it
// does, a worker waits for room; what there was no room for otherwise is read back.
class FileTransfer {
 public:
  // What the thread that was told so has to do next.
  enum class Next {
    nothing,   // somebody else has the baton, or the next bytes are not there yet
    catch_up,  // it now holds the baton: call catch_up(), on a verifier
    ready,     // it holds the baton, and the next bytes are in memory: hash_ready() goes on
    complete,  // it holds the baton for good, and all bytes are hashed: compare digest(). Of a
               // portion: all bytes are there, and hashed if it begins the file
  };

  // `portion`: what of the file is to be fetched; without it, all. `in_pairs` tells whether there
  // is another file to hash this one together with, and is thread-safe; by default there never is.
  FileTransfer(
      storage::FileIdentity identity, std::optional<util::ByteRange> portion, BlockPool& pool,
      Progress& progress, std::function<bool()> in_pairs = [] { return false; });

  [[nodiscard]] const storage::FileIdentity& identity() const { return m_identity; }
  [[nodiscard]] bool is_portion() const { return m_is_portion; }

  // Opens the partial file unless it is open. Thread-safe; waits for no sync(). `stop` ends reading
  // back what an earlier run wrote. Throws Error.
  void open(storage::Volume& volume, bool journaled, const std::stop_token& stop);
  // What has to be fetched; open() came before.
  [[nodiscard]] std::vector<util::ByteRange> missing() const {
    return m_partial->present().missing(m_wanted);
  }
  [[nodiscard]] std::uint64_t present_bytes() const { return m_partial->present().total_bytes(); }
  // Whether blocks go past the page cache; open() came before. Also after the file was published.
  [[nodiscard]] bool is_direct() const { return m_direct; }
  // For a file that was just opened, before anybody else knows it: takes the baton if there is
  // something to hash.
  [[nodiscard]] Next begin();

  // Writes the first `length` bytes of a block, with their block_checksum(), to disk, and hashes
  // them if they begin where the checksum stands. Else, or to hash it in a pair, it may keep the
  // block and put another one of the pool in its place, and blocks while the checksum is close
  // behind but has no memory for more. Thread-safe.
  [[nodiscard]] Next take_block(BlockPool::Block& block, std::size_t length, std::uint64_t offset,
                                std::uint64_t checksum);
  // Hashes all that is there, from memory or read back into `buffer` piece by piece, up to what is
  // ready for a pair. Returns nothing, ready or complete; nothing also when `stop` is requested,
  // and the baton stays taken then.
  [[nodiscard]] Next catch_up(std::span<std::byte> buffer, const std::stop_token& stop);

  // Hashes what is ready of this file, block by block until it shall `wait` for another; of two
  // files, the next block of both at a time.
  [[nodiscard]] Next hash_ready(const std::function<bool()>& wait);
  [[nodiscard]] static std::pair<Next, Next> hash_ready(FileTransfer& first, FileTransfer& second);

  // Of everything hashed so far.
  [[nodiscard]] digest::Digest digest() const;
  // Moves the file to its place. Only after complete.
  void publish(storage::Volume& volume);
  // Makes a portion durable. Only after complete.
  void seal();
  // Forgets all content, because it was wrong. Only after complete.
  void reset();

  // Makes what is there durable, if the file is open and there is anything new; waits for no
  // publish() or seal(), which do so themselves. Thread-safe.
  void sync();

 private:
  // Takes the baton if it is free and the checksum stands at `offset`.
  [[nodiscard]] bool try_take(std::uint64_t offset);
  // Gives the baton back, unless there is more to do with it.
  [[nodiscard]] Next settle();
  // Hashes the next block, which is ready.
  [[nodiscard]] Next hash_block();
  void hash(std::span<const std::byte> data);
  // After `bytes` more were hashed.
  void follow(std::size_t bytes);
  // Puts a block where the checksum stands aside, for a pair; false if there is no memory for it.
  [[nodiscard]] bool put_aside(BlockPool::Block& block, std::size_t length, std::uint64_t offset);
  // Whether the next bytes are in memory and to be hashed in a pair. With m_mutex held.
  [[nodiscard]] bool is_ready() const;
  // Not a block of an earlier `fetch`, whose content was refused.
  void keep(BlockPool::Block& block, std::size_t length, std::uint64_t offset, std::uint64_t fetch);
  // A block to put in the place of one that comes too early; empty if it is not to be kept.
  [[nodiscard]] BlockPool::Block take_spare(std::uint64_t offset);
  // Hashes a step of what is there up to `end`.
  void hash_next(std::uint64_t end, std::span<std::byte> buffer);
  // A block that came too early.
  struct EarlyBlock {
    BlockPool::Block block;
    std::size_t length = 0;
  };
  // The early block at `offset`; an empty one if there is none. Forgets those before it.
  [[nodiscard]] EarlyBlock take_early(std::uint64_t offset);
  [[nodiscard]] std::uint64_t next_early() const;

  storage::FileIdentity m_identity;
  const bool m_is_portion;
  const util::ByteRange m_wanted;
  const std::uint64_t m_hash_end;  // where the checksum stops; 0: it never starts
  BlockPool& m_pool;
  std::function<bool()> m_in_pairs;
  Progress& m_progress;
  std::shared_ptr<FileProgress> m_shown;
  mutable std::mutex m_mutex;  // guards the members below
  bool m_baton_taken = false;
  std::uint64_t m_found_end = 0;                // of what an earlier run left
  std::optional<std::uint64_t> m_stands_at;     // where nobody waits for the checksum any more
  std::condition_variable m_moved;              // the checksum, or the baton
  std::map<std::uint64_t, EarlyBlock> m_early;  // by offset
  digest::Hasher m_recorded;     // the checksum at the last point where the baton was passed on
  digest::Hasher m_hasher;       // moved by the holder of the baton only
  storage::DigestTrail m_trail;  // likewise
  std::uint64_t m_noted = 0;     // likewise; where it was noted last
  std::atomic<std::uint64_t> m_fetch{0};  // how often reset() began anew
  std::atomic<bool> m_open{false};
  std::atomic<bool> m_direct{false};
  std::atomic<bool> m_ending{false};
  std::mutex m_partial_mutex;  // opening, syncing and publishing exclude each other
  std::unique_ptr<storage::PartialFile> m_partial;
};

}  // namespace nai::transfer
