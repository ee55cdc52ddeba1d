// SPDX-License-Identifier: Apache-2.0
// Of Volume: the digest trails.
#include <unistd.h>

#include <utility>

#include <nai/storage/volume.hpp>
#include <nai/util/error.hpp>

namespace nai::storage {

namespace {

// No states when the file cannot be read: they only tell more closely where damage is.
DigestTrail load_or_none(const std::filesystem::path& path, const FileIdentity& file,
                         util::Log& log) {
  try {
    return DigestTrail::load(path, file);
  } catch (const util::Error& error) {
    log.debug("digests_not_read", error.what());
    return DigestTrail(file);
  }
}

}  // namespace

DigestTrail Volume::trail_of(const FileIdentity& file) const {
  return load_or_none(m_layout.digest_trail(file.path), file, m_log);
}

void Volume::keep_trail(const FileIdentity& file, const DigestTrail& trail) const {
  if (!DigestTrail::is_kept_of(file)) {
    return;
  }
  try {
    trail.save(m_layout.digest_trail(file.path));
  } catch (const util::Error& error) {
    m_log.debug("digests_not_kept", error.what());
  }
  static_cast<void>(::unlink(m_layout.trail_in_progress(file.path, file.digest).c_str()));
}

DigestTrail Volume::trail_in_progress(const FileIdentity& file, std::uint64_t position) const {
  const auto path = m_layout.trail_in_progress(file.path, file.digest);
  DigestTrail trail(file);
  if (position > 0) {
    trail = load_or_none(path, file, m_log);
    trail.cut(position);
    DigestTrail published = trail_of(file);
    published.cut(position);
    if (published.states().size() > trail.states().size()) {
      trail = std::move(published);
    }
  }
  trail.write_to(path);
  return trail;
}

}  // namespace nai::storage
