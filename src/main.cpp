// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstddef>
#include <span>

#include <nai/app/run.hpp>

int main(int argc, char** argv) {
  // A kernel older than 5.18 lets a program start without even its name.
  const std::span<const char* const> all(argv, static_cast<std::size_t>(argc));
  return nai::app::run(all.empty() ? all : all.subspan(1), environ);
}
