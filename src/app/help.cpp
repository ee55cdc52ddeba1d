// SPDX-License-Identifier: Apache-2.0
#include "app/help.hpp"

#include <optional>
#include <string_view>

#include <fmt/format.h>

#include <nai/http/curl_client.hpp>
#include <nai/util/text.hpp>
#include <nai/version.hpp>

#include "app/commands/commands.hpp"
#include "app/settings.hpp"

namespace nai::app {

namespace {

constexpr std::size_t k_width = 96;
constexpr std::size_t k_indent = 8;
constexpr std::size_t k_variable_column = 44;

constexpr std::string_view k_introduction =
    R"(nai-model-processor brings a published model onto a volume: every file complete, checked against
its checksum, and resumed where an earlier run stopped.

Usage: nai-model-processor [COMMAND] [OPTION...]

Every option of the download has an environment variable of the same meaning, so that a container
needs no arguments. An option wins over its variable; a variable that is empty counts as not set.
)";

constexpr std::string_view k_examples = R"(
Examples:
  REPO_ID=Qwen/Qwen3-0.6B nai-model-processor
      As the container does it: onto the volume at /data.
  nai-model-processor --repo-id Qwen/Qwen3-0.6B --output-mount ./data
      The same onto a directory of this machine.
  nai-model-processor --repo-id google/gemma-2-2b-it --token-file ~/.cache/huggingface/token
      A model that asks for a token.
  nai-model-processor --repo-id org/name --repo-version refs/pr/1 --include '*.safetensors,*.json'
      A certain revision, and only some of its files.
  nai-model-processor resolve --repo-id Qwen/Qwen3-0.6B
      How large it is, and the volume claim to make for it.
  nai-model-processor resolve --repo-id Qwen/Qwen3-0.6B --kubernetes | kubectl apply -f -
      The claim and the Job.
  nai-model-processor check --repo-id google/gemma-2-2b-it --nfs-server files.example
      In a pod like the Job's: what would fail, and what to do about it.
  source <(nai-model-processor completion bash)
      Tab completes commands, flags and values.
  nai-model-processor verify --repo-id Qwen/Qwen3-0.6B --repair
      Reads the volume again; what is wrong or missing is fetched.

Exit status:
    0  complete and verified; of check, nothing is in the way of a download
    1  internal error
    2  usage or configuration
    3  token unauthorized, or the model is gated
    4  repository, revision or image not found
    5  content does not match its checksum, again and again
    6  storage: permission, I/O error, read-only, stale handle
    7  no space, or over quota
    8  another run holds the volume
   75  temporary: network, timeouts, server errors; what was fetched is kept
  130, 143  interrupted by SIGINT, SIGTERM; state saved
)";

std::string wrapped(std::string_view text) {
  std::string result;
  std::size_t column = 0;
  for (const auto word : util::split(text, ' ')) {
    if (column == 0 || column + 1 + word.size() > k_width) {
      result += fmt::format("{}{}", column == 0 ? "" : "\n", std::string(k_indent, ' '));
      column = k_indent;
    } else {
      result += ' ';
      ++column;
    }
    result += word;
    column += word.size();
  }
  return result + "\n";
}

std::string entry(const Setting& setting) {
  std::string heading = "  ";
  if (setting.flag.empty()) {
    heading += setting.variable;
  } else {
    heading += setting.is_switch ? std::string(setting.flag)
                                 : fmt::format("{} {}", setting.flag, setting.value_name);
    if (!setting.variable.empty()) {
      heading = fmt::format("{:<{}}{}", heading, k_variable_column, setting.variable);
    }
  }
  std::string text(setting.help);
  if (!setting.preset.empty()) {
    text += fmt::format(" [{}]", setting.preset);
  }
  return heading + "\n" + wrapped(text);
}

}  // namespace

std::string help_text() {
  std::string text(k_introduction);
  text += "\nCommands:\n";
  for (const Command& command : commands()) {
    text += fmt::format("  {:<12}{}\n", command.name, command.help);
  }
  std::optional<SettingGroup> group;
  for (const Setting& setting : settings()) {
    if (group != setting.group) {
      group = setting.group;
      text += fmt::format("\n{}:\n", title(setting.group));
    }
    text += entry(setting);
  }
  text += "\nAlso:\n  -h, --help       this page\n  -V, --version    version, commit, libraries\n";
  return text.append(k_examples);
}

std::string version_text() {
  return fmt::format("nai-model-processor {} (commit {})\n{}\n", NAI_VERSION, NAI_COMMIT,
                     http::http_library_versions());
}

}  // namespace nai::app
