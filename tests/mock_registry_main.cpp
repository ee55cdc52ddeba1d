// SPDX-License-Identifier: Apache-2.0
#include "support/mock/nim_program.hpp"
#include "support/mock/program.hpp"

#include <exception>
#include <iostream>
#include <string_view>

int main(int argc, char** argv) {
  try {
    if (argc > 1 && std::string_view(argv[1]) == "nim") {
      return mock::run_nim_program({argv + 2, argv + argc});
    }
    const mock::ProgramOptions options = mock::parse_program_options({argv + 1, argv + argc});
    if (options.help) {
      std::cout << mock::help_text();
      return 0;
    }
    return mock::run_program(options);
  } catch (const mock::UsageError& error) {
    std::cerr << "mock-registry: " << error.what() << " (see --help)\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "mock-registry: " << error.what() << "\n";
    return 1;
  }
}
