// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "app/commands/commands.hpp"
#include "app/settings.hpp"
#include "support/process.hpp"
#include "support/temporary_directory.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace nai::test;

namespace {

const char* binary() { return std::getenv("NAI_BINARY"); }

ProcessResult completion(const std::vector<std::string>& arguments) {
  std::vector<std::string> command{binary(), "completion"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return Process(command, {}).wait();
}

bool has(const std::string& shell) { return std::filesystem::exists("/usr/bin/" + shell); }

// Whether the shell can parse its script.
bool parses(const std::string& shell, const std::filesystem::path& script) {
  return Process({"/usr/bin/env", shell, "-n", script.string()}, {{"PATH", "/usr/bin:/bin"}})
             .wait()
             .exit_status == 0;
}

}  // namespace

TEST_CASE("each shell's completion knows every command and flag") {
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    const auto result = completion({shell});
    REQUIRE(result.exit_status == 0);
    CHECK(result.err.empty());
    for (const auto& command : nai::app::commands()) {
      CHECK_THAT(result.out, ContainsSubstring(std::string(command.name)));
    }
    for (const auto& setting : nai::app::settings()) {
      CHECK_THAT(result.out,
                 ContainsSubstring(std::string(setting.flag.substr(setting.flag.empty() ? 0 : 2))));
    }
    const TemporaryDirectory directory;
    write_file(directory.path() / "script", result.out);
    if (has(shell)) {
      CHECK(parses(shell, directory.path() / "script"));
    }
  }
}

TEST_CASE("bash completes commands, the flags of each, and values") {
  const TemporaryDirectory directory;
  write_file(directory.path() / "script", completion({"bash"}).out);
  write_file(directory.path() / "some file", "");
  // What it offers for the last of the words.
  const auto offered = [&](const std::string& words) {
    const auto result =
        Process({"/bin/bash", "-c",
                 "cd " + directory.path().string() +
                     " && source ./script && COMP_WORDS=(nai-model-processor " + words +
                     ") && COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) && _nai_model_processor && "
                     "printf '%s\\n' \"${COMPREPLY[@]}\""},
                {{"PATH", "/usr/bin:/bin"}})
            .wait();
    CHECK(result.exit_status == 0);
    CHECK(result.err.empty());
    return result.out;
  };
  CHECK(offered("ver") == "verify\n");
  CHECK(offered("''").starts_with("download\nresolve\ncheck\nverify\ncompletion\n--provider\n"));
  CHECK(offered("verify --rep") == "--repo-id\n--repo-version\n--repair\n");
  CHECK(offered("resolve --rep") == "--repo-id\n--repo-version\n");
  CHECK(offered("--repo-id a resolve --kub") == "--kubernetes\n");
  CHECK(offered("--provider ''") == "hf\nnim\n");
  CHECK(offered("--provider = n") == "nim\n");
  CHECK(offered("--log-format =") == "text\njson\n");
  CHECK(offered("--token-file so") == "some file\n");
  CHECK(offered("--repo-id ''") == "\n");
  CHECK(offered("completion ''") == "bash\nzsh\nfish\n");
}

TEST_CASE("completion for no shell, or one that it does not know, is a mistake") {
  CHECK(completion({}).exit_status == 2);
  CHECK_THAT(completion({}).err,
             ContainsSubstring("completion needs a word more: expected bash|zsh|fish"));
  CHECK(completion({"tcsh"}).exit_status == 2);
  CHECK_THAT(completion({"tcsh"}).err,
             ContainsSubstring("completion of \"tcsh\": expected bash|zsh|fish"));
  CHECK(completion({"bash", "zsh"}).exit_status == 2);
}
