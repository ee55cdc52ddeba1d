// SPDX-License-Identifier: Apache-2.0
#include "app/termination.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <exception>

#include <fmt/format.h>

#include <nai/util/error.hpp>
#include <nai/util/file.hpp>
#include <nai/util/text.hpp>

#include "app/line_writer.hpp"

namespace nai::app {

namespace {

// https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
constexpr std::size_t k_max_bytes = 4096;

}  // namespace

std::string write_termination_message(const std::filesystem::path& file, bool create,
                                      std::string_view text) noexcept {
  try {
    if (!create && !util::stat_path(file)) {
      return {};
    }
    const int flags = O_WRONLY | O_TRUNC | O_NOCTTY | (create ? O_CREAT : 0);
    const auto fd = util::open_file(file, flags);
    if (!LineWriter(fd.get()).write(util::printable(text, k_max_bytes, true))) {
      throw util::storage_error(fmt::format("cannot write {}", file.string()), errno);
    }
    return {};
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace nai::app
