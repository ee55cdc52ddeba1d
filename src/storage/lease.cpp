// SPDX-License-Identifier: Apache-2.0
#include "lease.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <nai/util/error.hpp>
#include <nai/util/json.hpp>
#include <nai/util/text.hpp>

namespace nai::storage {

namespace {

constexpr std::size_t k_lease_bytes = 512;

std::string random_name() {
  std::array<std::byte, 12> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw util::storage_error("cannot get random bytes", errno);
  }
  return util::to_hex(bytes);
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

std::string boot_id() {
  const auto fd = util::open_existing("/proc/sys/kernel/random/boot_id", O_RDONLY);
  std::array<char, 64> text{};
  if (!fd || ::read(fd->get(), text.data(), text.size() - 1) <= 0) {
    return {};
  }
  return std::string(util::trim(text.data()));
}

std::optional<std::uint64_t> device_of(const util::Fd& fd) {
  struct stat status {};
  return ::fstat(fd.get(), &status) == 0 ? std::optional<std::uint64_t>(status.st_dev)
                                         : std::nullopt;
}

// Takes the flock and finds out whether it means anything: a second descriptor must be refused.
void take_flock(const util::Fd& fd, const std::filesystem::path& path, LeaseHolder& holder) {
  const auto device = device_of(fd);
  holder.device = device.value_or(0);
  holder.flock_works =
      device && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 && !flock_is_free(path, holder.device);
}

}  // namespace

LeaseHolder this_process() {
  return {.owner = random_name(), .host = host_name(), .boot_id = boot_id(), .pid = ::getpid()};
}

std::string lease_text(const LeaseHolder& holder, std::uint64_t heartbeat) {
  const nlohmann::json json = {
      {"owner", holder.owner},       {"host", util::printable(holder.host, 128)},
      {"boot_id", holder.boot_id},   {"pid", holder.pid},
      {"flock", holder.flock_works}, {"device", holder.device},
      {"since", holder.since},       {"heartbeat", heartbeat}};
  std::string text = json.dump();
  text.resize(k_lease_bytes - 1, ' ');
  return text + "\n";
}

std::optional<LeaseHolder> parse_lease(const std::string& text) {
  const auto json = util::parse_json(text);
  const auto owner = json ? util::string_member(*json, "owner") : std::nullopt;
  if (!owner) {
    return std::nullopt;
  }
  const nlohmann::json* flock_works = util::member(*json, "flock");
  return LeaseHolder{
      .owner = *owner,
      .host = util::printable(util::string_member(*json, "host").value_or("unknown"), 128),
      .boot_id = util::string_member(*json, "boot_id").value_or(""),
      .pid = static_cast<std::int64_t>(util::unsigned_member(*json, "pid").value_or(0)),
      .flock_works =
          flock_works != nullptr && flock_works->is_boolean() && flock_works->get<bool>(),
      .device = util::unsigned_member(*json, "device").value_or(0),
      .since = util::printable(util::string_member(*json, "since").value_or(""), 32)};
}

std::optional<std::string> read_lease(const std::filesystem::path& path) {
  return util::read_small_file(path, 16 * k_lease_bytes);
}

std::optional<util::Fd> create_lease(const std::filesystem::path& path, LeaseHolder& holder) {
  // Written beside its place and linked there: nobody ever reads half a lease, and link() never
  // replaces one.
  const std::filesystem::path draft = path.string() + "." + holder.owner;
  util::Fd fd = util::open_file(draft, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW);
  take_flock(fd, draft, holder);
  const std::string text = lease_text(holder, 0);
  util::write_all_at(fd, std::as_bytes(std::span(text)), 0, draft);
  util::sync_data(fd, draft);
  int problem = ::link(draft.c_str(), path.c_str()) == 0 ? 0 : errno;
  // An NFS client that had to ask twice is told of the link that its first question made.
  struct stat status {};
  if (problem == EEXIST && ::fstat(fd.get(), &status) == 0 && status.st_nlink == 2) {
    problem = 0;
  }
  static_cast<void>(::unlink(draft.c_str()));
  if (problem == EEXIST) {
    return std::nullopt;
  }
  if (problem != 0) {
    throw util::storage_error(fmt::format("cannot create {}", path.string()), problem);
  }
  return fd;
}

bool flock_is_free(const std::filesystem::path& path, std::uint64_t device) {
  const auto fd = util::open_existing(path, O_RDWR);
  return fd && device_of(*fd) == device && ::flock(fd->get(), LOCK_EX | LOCK_NB) == 0;
}

bool remove_lease(const std::filesystem::path& path, const std::string& expected,
                  const std::string& remover) {
  // Moved aside first: between reading a lease and unlinking it another process may have put its
  // own there.
  const std::filesystem::path aside = path.string() + ".removed." + remover;
  if (::rename(path.c_str(), aside.c_str()) != 0) {
    if (errno == ENOENT) {
      return false;
    }
    throw util::storage_error(fmt::format("cannot remove {}", path.string()), errno);
  }
  const bool ours = read_lease(aside) == expected;
  if (!ours && ::link(aside.c_str(), path.c_str()) != 0 && errno != EEXIST) {
    throw util::storage_error(fmt::format("cannot restore {}", path.string()), errno);
  }
  static_cast<void>(::unlink(aside.c_str()));
  return ours;
}

}  // namespace nai::storage
