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

#include "disk_file.hpp"
#include "read_ahead.hpp"
#include "worker_threads.hpp"

#include <nai/storage/digest_trail.hpp>
#include <nai/util/error.hpp>
#include <nai/util/file.hpp>

namespace nai::transfer {

namespace {

// A thread reads so much of a file in one go, if its trail allows that, and less of a file that
// would not give each thread several.
constexpr std::uint64_t k_longest_stretch = std::uint64_t{256} << 20U;
constexpr std::uint64_t k_stretches_a_thread = 4;

// A file, and what its segments told so far: the first goes from the beginning to the first state
// of its trail, the last from the last state to the end.
struct Subject {
  Subject(storage::FileIdentity identity, storage::DigestTrail states)
      : file(std::move(identity)), trail(std::move(states)) {}

  [[nodiscard]] std::size_t segments() const { return trail.states().size() + 1; }
  [[nodiscard]] std::uint64_t end_of(std::size_t segment) const {
    return segment + 1 == segments() ? file.size : trail.states()[segment].position();
  }
  [[nodiscard]] std::uint64_t begin_of(std::size_t segment) const {
    return segment == 0 ? 0 : end_of(segment - 1);
  }
  [[nodiscard]] digest::Hasher hasher_for(std::size_t segment) const {
    return segment == 0 ? digest::Hasher(file.digest.algorithm(), file.size)
                        : trail.states()[segment - 1];
  }
  // Whether a segment leads to where it should.
  [[nodiscard]] bool fits(std::size_t segment, const digest::Hasher& hasher) const {
    return segment + 1 == segments() ? hasher.digest() == file.digest
                                     : hasher.save() == trail.states()[segment].save();
  }

  storage::FileIdentity file;
  storage::DigestTrail trail;
  VerifiedFile result = {};
  std::atomic<std::size_t> stretches_left{0};
  std::mutex mutex;                        // guards what follows
  std::shared_ptr<const DiskFile> opened;  // by whoever came first, for all
  std::vector<util::ByteRange> damaged;
  bool failed = false;  // it could not be read, or not to the end
};

// What one thread reads in one go: segments from `first` up to `last`.
struct Stretch {
  Subject* subject = nullptr;
  std::size_t first = 0;
  std::size_t last = 0;
};

std::vector<util::ByteRange> merged(const std::vector<util::ByteRange>& ranges) {
  util::RangeSet set;
  for (const auto& range : ranges) {
    set.add(range);
  }
  return set.ranges();
}

std::string_view kind_of(const struct stat& status) {
  return S_ISLNK(status.st_mode)   ? "a symbolic link"
         : S_ISDIR(status.st_mode) ? "a directory"
                                   : "no regular file";
}

// Why a file need not be read to know that it is not right. Throws Error{storage}.
std::optional<VerifiedFile> known_at_once(const storage::Volume& volume,
                                          const storage::FileIdentity& file) {
  if (const auto way = volume.obstacle_to(file.path)) {
    return VerifiedFile{FileVerdict::missing, *way};
  }
  const auto status = util::stat_path(volume.layout().model_file(file.path));
  if (!status || !S_ISREG(status->st_mode)) {
    return VerifiedFile{FileVerdict::missing,
                        status ? std::string(kind_of(*status)) : std::string("nothing")};
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
  Verification(const storage::Volume& volume, std::size_t threads, Progress& progress,
               const std::stop_token& stop)
      : m_volume(volume),
        m_threads(std::max<std::size_t>(threads, 1)),
        m_progress(progress),
        m_stop(stop) {}

  std::vector<VerifiedFile> run(const std::vector<storage::FileIdentity>& files);

 private:
  void add(const storage::FileIdentity& file);
  void divide(Subject& subject);
  void run_workers();
  void work(ReadAhead& content) noexcept;
  void look_at(const Stretch& stretch, ReadAhead& content);
  void compare(const Stretch& stretch, ReadAhead& content);
  [[nodiscard]] std::shared_ptr<const DiskFile> open(Subject& subject) const;
  void hash(digest::Hasher& hasher, std::uint64_t end, ReadAhead& content, bool counts);
  [[nodiscard]] VerifiedFile judge(Subject& subject, ReadAhead& content);
  [[nodiscard]] VerifiedFile read_again(const Subject& subject, bool located, ReadAhead& content);

  const storage::Volume& m_volume;
  const std::size_t m_threads;
  Progress& m_progress;
  std::stop_token m_stop;
  std::vector<std::unique_ptr<Subject>> m_subjects;
  std::vector<Stretch> m_stretches;
  std::atomic<std::size_t> m_next{0};
  std::mutex m_mutex;
  std::exception_ptr m_failure;  // guarded by m_mutex
};

std::vector<VerifiedFile> Verification::run(const std::vector<storage::FileIdentity>& files) {
  m_progress.files_total = files.size();
  for (const auto& file : files) {
    add(file);
  }
  // The largest files first, so that none is left alone at the end; each of them in one go, so that
  // few are open at the same time.
  std::stable_sort(m_stretches.begin(), m_stretches.end(), [](const Stretch& a, const Stretch& b) {
    return a.subject->file.size > b.subject->file.size;
  });
  run_workers();
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

void Verification::run_workers() {
  std::vector<std::jthread> workers;
  const auto start = [this](std::size_t) {
    return std::jthread([this, content = std::make_unique<ReadAhead>()] { work(*content); });
  };
  static_cast<void>(
      start_workers(workers, std::clamp<std::size_t>(m_stretches.size(), 1, m_threads), start));
}

void Verification::add(const storage::FileIdentity& file) {
  m_progress.bytes_total += file.size;
  m_subjects.push_back(std::make_unique<Subject>(file, m_volume.trail_of(file)));
  Subject& subject = *m_subjects.back();
  try {
    if (auto known = known_at_once(m_volume, file)) {
      subject.result = *std::move(known);
      ++m_progress.files_done;
      return;
    }
  } catch (const util::Error& error) {
    subject.result = {FileVerdict::unreadable, error.what()};
    ++m_progress.files_done;
    return;
  }
  divide(subject);
}

void Verification::divide(Subject& subject) {
  const std::uint64_t wanted =
      std::min(k_longest_stretch, subject.file.size / (m_threads * k_stretches_a_thread));
  std::size_t first = 0;
  for (std::size_t last = 1; last <= subject.segments(); ++last) {
    if (last == subject.segments() ||
        subject.end_of(last - 1) - subject.begin_of(first) >= wanted) {
      m_stretches.push_back({&subject, first, last});
      ++subject.stretches_left;
      first = last;
    }
  }
}

void Verification::work(ReadAhead& content) noexcept {
  try {
    for (auto at = m_next++; at < m_stretches.size() && !m_stop.stop_requested(); at = m_next++) {
      const Stretch& stretch = m_stretches[at];
      look_at(stretch, content);
      if (--stretch.subject->stretches_left == 0) {
        stretch.subject->result = judge(*stretch.subject, content);
        ++m_progress.files_done;
      }
    }
  } catch (...) {
    const std::scoped_lock lock(m_mutex);
    m_failure = std::current_exception();
    m_next = m_stretches.size();
  }
}

void Verification::look_at(const Stretch& stretch, ReadAhead& content) {
  try {
    compare(stretch, content);
  } catch (const util::Error&) {
    const std::scoped_lock lock(stretch.subject->mutex);
    stretch.subject->failed = true;
  }
}

// Null when it is gone, or could not be read before.
std::shared_ptr<const DiskFile> Verification::open(Subject& subject) const {
  const std::scoped_lock lock(subject.mutex);
  if (!subject.opened && !subject.failed) {
    subject.opened = DiskFile::open(m_volume.layout().model_file(subject.file.path));
    subject.failed = !subject.opened;
  }
  return subject.failed ? nullptr : subject.opened;
}

void Verification::compare(const Stretch& stretch, ReadAhead& content) {
  Subject& subject = *stretch.subject;
  const auto file = open(subject);
  if (!file) {
    return;
  }
  const std::uint64_t begin = subject.begin_of(stretch.first);
  content.start(file, {begin, subject.end_of(stretch.last - 1) - begin});
  for (std::size_t segment = stretch.first; segment < stretch.last; ++segment) {
    digest::Hasher hasher = subject.hasher_for(segment);
    const std::uint64_t end = subject.end_of(segment);
    hash(hasher, end, content, true);
    if (!subject.fits(segment, hasher)) {
      const std::scoped_lock lock(subject.mutex);
      subject.damaged.push_back({subject.begin_of(segment), end - subject.begin_of(segment)});
    }
  }
}

// Until `end`, or the end of the file, or stop.
void Verification::hash(digest::Hasher& hasher, std::uint64_t end, ReadAhead& content,
                        bool counts) {
  while (hasher.position() < end && !m_stop.stop_requested()) {
    const auto data = content.next(end - hasher.position());
    if (data.empty()) {
      return;
    }
    hasher.update(data);
    if (counts) {
      m_progress.bytes_hashed += data.size();
      m_progress.bytes_present += data.size();
    }
  }
}

// All of it was read. What is not right is read once more in one piece: that tells which checksum
// is there instead, whether the trail is what is wrong, and whether an error or a change was but
// for a moment.
VerifiedFile Verification::judge(Subject& subject, ReadAhead& content) {
  bool steady = false;
  bool fits = false;
  {
    const std::scoped_lock lock(subject.mutex);
    try {
      steady = !subject.failed && subject.opened->is_unchanged();
    } catch (const util::Error&) {
      steady = false;
    }
    fits = subject.damaged.empty();
    subject.opened.reset();
  }
  return steady && fits ? VerifiedFile{FileVerdict::right} : read_again(subject, steady, content);
}

VerifiedFile Verification::read_again(const Subject& subject, bool located, ReadAhead& content) {
  const storage::FileIdentity& identity = subject.file;
  try {
    if (auto known = known_at_once(m_volume, identity)) {
      return *std::move(known);
    }
    const auto file = DiskFile::open(m_volume.layout().model_file(identity.path));
    if (!file) {
      return {FileVerdict::missing, "nothing"};
    }
    digest::Hasher hasher(identity.digest.algorithm(), identity.size);
    content.start(file, {0, identity.size});
    hash(hasher, identity.size, content, false);
    if (!file->is_unchanged()) {
      return {FileVerdict::changed, "content that changed while it was read"};
    }
    if (const auto digest = hasher.digest(); digest != identity.digest) {
      VerifiedFile result{FileVerdict::wrong,
                          fmt::format("checksum {} instead of {}", digest.to_string(),
                                      identity.digest.to_string())};
      if (located && subject.segments() > 1) {
        result.damaged = merged(subject.damaged);
      }
      return result;
    }
    return {FileVerdict::right};
  } catch (const util::Error& error) {
    return {FileVerdict::unreadable, error.what()};
  }
}

}  // namespace

std::vector<VerifiedFile> verify(const storage::Volume& volume,
                                 const std::vector<storage::FileIdentity>& files,
                                 std::size_t threads, Progress& progress,
                                 const std::stop_token& stop) {
  return Verification(volume, threads, progress, stop).run(files);
}

std::size_t verification_threads(std::size_t processors,
                                 std::optional<std::uint64_t> memory_limit) {
  constexpr std::uint64_t k_share = 4;  // of the limit; the rest is for others in the pod
  const std::uint64_t bytes_a_thread = ReadAhead::k_block_bytes * ReadAhead::k_blocks;
  const std::uint64_t most =
      memory_limit ? *memory_limit / k_share / bytes_a_thread : std::uint64_t{processors};
  return static_cast<std::size_t>(
      std::clamp<std::uint64_t>(most, 1, std::max<std::size_t>(processors, 1)));
}

}  // namespace nai::transfer
