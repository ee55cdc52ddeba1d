// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <nai/util/file.hpp>

namespace nai::storage {

// Who holds a volume, as the lease file says it.
struct LeaseHolder {
  std::string owner;    // random, one for each process
  std::string host;     // the pod's name
  std::string boot_id;  // of the kernel; the same for all containers of a node
  std::int64_t pid = 0;
  bool flock_works = false;  // the holder saw a second descriptor being refused
  // st_dev of the lease as the holder sees it. The same share mounted twice on one machine may be
  // two devices, and a flock may be known on one of them only.
  std::uint64_t device = 0;
  std::string since = {};  // when the holder made the lease, by its clock; for people
};

[[nodiscard]] LeaseHolder this_process();

// The text of a lease: padded to a fixed length, so that renewing it overwrites it whole.
[[nodiscard]] std::string lease_text(const LeaseHolder& holder, std::uint64_t heartbeat);
// Empty when the text is no lease.
[[nodiscard]] std::optional<LeaseHolder> parse_lease(const std::string& text);

// The text at `path`; empty when there is no lease. Opens it anew, so that NFS asks the server.
[[nodiscard]] std::optional<std::string> read_lease(const std::filesystem::path& path);

// Puts a lease in place if there is none; the descriptor keeps the flock. Empty when somebody was
// faster.
[[nodiscard]] std::optional<util::Fd> create_lease(const std::filesystem::path& path,
                                                   LeaseHolder& holder);

// True when this kernel says that nobody has the flock of the lease at `path` any more, and the
// lease is on that device.
[[nodiscard]] bool flock_is_free(const std::filesystem::path& path, std::uint64_t device);

// Removes the lease at `path` if its text still is `expected`; false when it was not, or was gone.
// Throws Error{storage} when that is refused.
bool remove_lease(const std::filesystem::path& path, const std::string& expected,
                  const std::string& remover);

}  // namespace nai::storage
