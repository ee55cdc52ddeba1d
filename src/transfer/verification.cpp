// SPDX-License-Identifier: Apache-2.0
#include <nai/transfer/verification.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "in_place.hpp"

#include <nai/storage/digest_trail.hpp>
#include <nai/util/error.hpp>
#include <nai/util/file.hpp>

namespace nai::transfer {

namespace {

constexpr std::size_t k_buffer_bytes = std::size_t{1} << 20U;

// A file, and what its pieces told so far.
struct Subject {
  Subject(storage::FileIdentity identity, storage::DigestTrail states)
      : file(std::move(identity)), trail(std::move(states)) {}

  storage::FileIdentity file;
  storage::DigestTrail trail;
  VerifiedFile result = {};
  std::atomic<std::size_t> pieces_left{0};
  std::mutex mutex;
  std::vector<util::ByteRange> damaged;  // guarded by mutex
  std::string error;                     // likewise
};

// What one thread reads in one go: from one known state of the checksum to the next, or to the end.
struct Piece {
  Subject* subject = nullptr;
  const digest::Hasher* from = nullptr;  // null: the beginning
  const digest::Hasher* to = nullptr;    // null: the end

  [[nodiscard]] util::ByteRange range() const {
    const std::uint64_t begin = from != nullptr ? from->position() : 0;
    return {begin, (to != nullptr ? to->position() : subject->file.size) - begin};
  }
};

// Why a file need not be read to know that it is not right.
std::optional<VerifiedFile> known_at_once(const std::filesystem::path& path,
                                          const storage::FileIdentity& file) {
  const auto status = util::stat_path(path);
  if (!status || !S_ISREG(status->st_mode)) {
    return VerifiedFile{FileVerdict::missing, status ? "no regular file" : "nothing"};
  }
  const auto size = static_cast<std::uint64_t>(status->st_size);
  if (size != file.size) {
    return VerifiedFile{FileVerdict::wrong, fmt::format("{} bytes instead of {}", size, file.size)};
  }
  return std::nullopt;
}

// One call of verify(): its threads and what they share.
class Verification {
 public:
  Verification(const storage::Volume& volume, Progress& progress, const std::stop_token& stop)
      : m_volume(volume), m_progress(progress), m_stop(stop) {}

  std::vector<VerifiedFile> run(const std::vector<storage::FileIdentity>& files,
                                std::size_t threads);

 private:
  void add(const storage::FileIdentity& file);
  void add_pieces(Subject& subject);
  void work() noexcept;
  void look_at(const Piece& piece, std::span<std::byte> buffer);
  [[nodiscard]] bool fits(const Piece& piece, std::span<std::byte> buffer);
  [[nodiscard]] VerifiedFile judge(Subject& subject, std::span<std::byte> buffer);

  const storage::Volume& m_volume;
  Progress& m_progress;
  std::stop_token m_stop;
  std::vector<std::unique_ptr<Subject>> m_subjects;
  std::vector<Piece> m_pieces;
  std::atomic<std::size_t> m_next{0};
  std::mutex m_mutex;
  std::exception_ptr m_failure;  // guarded by m_mutex
};

std::vector<VerifiedFile> Verification::run(const std::vector<storage::FileIdentity>& files,
                                            std::size_t threads) {
  m_progress.files_total = files.size();
  for (const auto& file : files) {
    add(file);
  }
  // The largest first, so that none is left alone at the end.
  std::stable_sort(m_pieces.begin(), m_pieces.end(), [](const Piece& a, const Piece& b) {
    return a.range().length > b.range().length;
  });
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < std::clamp<std::size_t>(threads, 1, m_pieces.size() + 1); ++i) {
      workers.emplace_back([this] { work(); });
    }
  }
  if (m_failure) {
    std::rethrow_exception(m_failure);
  }
  if (m_stop.stop_requested()) {
    throw util::Error(util::ErrorKind::interrupted, "interrupted");
  }
  std::vector<VerifiedFile> results;
  for (const auto& subject : m_subjects) {
    results.push_back(std::move(subject->result));
  }
  return results;
}

void Verification::add(const storage::FileIdentity& file) {
  const auto& layout = m_volume.layout();
  m_progress.bytes_total += file.size;
  const auto place = layout.model_file(file.path);
  m_subjects.push_back(std::make_unique<Subject>(
      file, storage::DigestTrail::load(layout.digest_trail(file.path), file)));
  Subject& subject = *m_subjects.back();
  try {
    if (auto known = known_at_once(place, file)) {
      subject.result = *std::move(known);
      ++m_progress.files_done;
      return;
    }
    add_pieces(subject);
  } catch (const util::Error& error) {
    subject.result = {FileVerdict::unreadable, error.what()};
  }
}

void Verification::add_pieces(Subject& subject) {
  const digest::Hasher* from = nullptr;
  for (const auto& state : subject.trail.states()) {
    m_pieces.push_back({&subject, from, &state});
    from = &state;
  }
  m_pieces.push_back({&subject, from, nullptr});
  subject.pieces_left = subject.trail.states().size() + 1;
}

void Verification::work() noexcept {
  try {
    std::vector<std::byte> buffer(k_buffer_bytes);
    for (auto at = m_next++; at < m_pieces.size() && !m_stop.stop_requested(); at = m_next++) {
      const Piece& piece = m_pieces[at];
      look_at(piece, buffer);
      if (--piece.subject->pieces_left == 0) {
        piece.subject->result = judge(*piece.subject, buffer);
        ++m_progress.files_done;
      }
    }
  } catch (...) {
    const std::scoped_lock lock(m_mutex);
    m_failure = std::current_exception();
    m_next = m_pieces.size();
  }
}

void Verification::look_at(const Piece& piece, std::span<std::byte> buffer) {
  Subject& subject = *piece.subject;
  try {
    if (!fits(piece, buffer)) {
      const std::scoped_lock lock(subject.mutex);
      subject.damaged.push_back(piece.range());
    }
  } catch (const util::Error& error) {
    const std::scoped_lock lock(subject.mutex);
    subject.error = error.what();
  }
}

bool Verification::fits(const Piece& piece, std::span<std::byte> buffer) {
  const storage::FileIdentity& file = piece.subject->file;
  auto hasher =
      piece.from != nullptr ? *piece.from : digest::Hasher(file.digest.algorithm(), file.size);
  const auto note = [&](std::size_t bytes) {
    m_progress.bytes_hashed += bytes;
    m_progress.bytes_present += bytes;
  };
  if (!hash_in_place(m_volume, file, hasher, piece.range().end(), {buffer, note, m_stop})) {
    return false;
  }
  return piece.to != nullptr ? hasher.save() == piece.to->save() : hasher.digest() == file.digest;
}

// All pieces were read. Where one is wrong, the whole tells what is there instead, and whether it
// was not the trail that is wrong.
VerifiedFile Verification::judge(Subject& subject, std::span<std::byte> buffer) {
  const storage::FileIdentity& file = subject.file;
  if (!subject.error.empty()) {
    return {FileVerdict::unreadable, subject.error};
  }
  if (subject.damaged.empty()) {
    return {FileVerdict::right, ""};
  }
  std::optional<digest::Digest> digest;
  try {
    digest = digest_in_place(m_volume, file, {buffer, [](std::size_t) {}, m_stop});
  } catch (const util::Error& error) {
    return {FileVerdict::unreadable, error.what()};
  }
  if (!digest) {
    return {FileVerdict::missing, "nothing"};
  }
  if (*digest == file.digest) {
    return {FileVerdict::right, ""};
  }
  VerifiedFile result{
      FileVerdict::wrong,
      fmt::format("checksum {} instead of {}", digest->to_string(), file.digest.to_string())};
  if (!subject.trail.states().empty()) {
    util::RangeSet damaged;
    for (const auto& range : subject.damaged) {
      damaged.add(range);
    }
    result.damaged = damaged.ranges();
  }
  return result;
}

}  // namespace

std::vector<VerifiedFile> verify(const storage::Volume& volume,
                                 const std::vector<storage::FileIdentity>& files,
                                 std::size_t threads, Progress& progress,
                                 const std::stop_token& stop) {
  return Verification(volume, progress, stop).run(files, threads);
}

}  // namespace nai::transfer
