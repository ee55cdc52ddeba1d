// SPDX-License-Identifier: Apache-2.0
#include "app/completion.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nai/util/text.hpp>

#include "app/commands/commands.hpp"
#include "app/settings.hpp"

namespace nai::app {

namespace {

using std::string;
using std::string_view;

// What a flag's value is.
enum class Value { none, choice, file, directory, other };

Value value_of(const Setting& setting) {
  if (setting.is_switch) {
    return Value::none;
  }
  if (setting.value_name.find('|') != string_view::npos) {
    return Value::choice;
  }
  return setting.value_name == "FILE"        ? Value::file
         : setting.value_name == "DIRECTORY" ? Value::directory
                                             : Value::other;
}

// "hf nim" of "hf|nim".
string words_of(string_view choices) {
  return fmt::format("{}", fmt::join(util::split(choices, '|'), " "));
}

bool reads(const Command& command, const Setting& setting) {
  const auto names = util::split(setting.commands, ' ');
  return !setting.flag.empty() && command.operand.empty() &&
         (setting.commands.empty() ||
          std::find(names.begin(), names.end(), command.name) != names.end());
}

string command_names(string_view separator) {
  std::vector<string_view> names;
  for (const Command& command : commands()) {
    names.push_back(command.name);
  }
  return fmt::format("{}", fmt::join(names, separator));
}

string flags_of(const Command& command) {
  std::vector<string_view> flags;
  for (const Setting& setting : settings()) {
    if (reads(command, setting)) {
      flags.push_back(setting.flag);
    }
  }
  flags.insert(flags.end(), {"--help", "--version"});
  return fmt::format("{}", fmt::join(flags, " "));
}

// The flags of one kind of value, for a `case` of a shell.
string flags_with(Value value) {
  std::vector<string_view> flags;
  for (const Setting& setting : settings()) {
    if (!setting.flag.empty() && value_of(setting) == value) {
      flags.push_back(setting.flag);
    }
  }
  return fmt::format("{}", fmt::join(flags, " | "));
}

// In single quotes, as all three shells read them.
string single_quoted(string_view text, string_view quote = R"('\'')") {
  string result = "'";
  for (const char c : text) {
    result += c == '\'' ? string(quote) : string(1, c);
  }
  return result + "'";
}

// The first sentence, or what of it fits a line.
string short_help(const Setting& setting) {
  constexpr std::size_t k_longest = 60;
  string_view text = setting.help;
  text = text.substr(0, text.find(';'));
  if (text.size() > k_longest) {
    text = text.substr(0, text.rfind(' ', k_longest));
  }
  return string(text);
}

string bash_values() {
  string text;
  for (const Setting& setting : settings()) {
    if (!setting.flag.empty() && value_of(setting) == Value::choice) {
      text += fmt::format("    {}) words='{}' ;;\n", setting.flag, words_of(setting.value_name));
    }
  }
  text += fmt::format(
      "    {})\n      mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
      "      compopt -o filenames 2>/dev/null\n      return 0\n      ;;\n",
      flags_with(Value::file));
  text += fmt::format(
      "    {})\n      mapfile -t COMPREPLY < <(compgen -d -- \"$current\")\n"
      "      compopt -o filenames 2>/dev/null\n      return 0\n      ;;\n",
      flags_with(Value::directory));
  text += fmt::format("    {}) return 0 ;;\n", flags_with(Value::other));
  return text;
}

string bash_script() {
  string commands_text;
  for (const Command& command : commands()) {
    commands_text +=
        fmt::format("        {}) words='{}' ;;\n", command.name,
                    command.operand.empty() ? flags_of(command) : words_of(command.operand));
  }
  constexpr string_view k_script = R"(# source <(nai-model-processor completion bash)
_nai_model_processor() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
  local command= word words=
  # bash takes --flag=value for three words
  if [ "$current" = = ]; then
    current=
  elif [ "$previous" = = ] && [ "$COMP_CWORD" -ge 2 ]; then
    previous=${{COMP_WORDS[COMP_CWORD - 2]}}
  fi
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD - 1}}"; do
    case $word in
      {0}) command=$word && break ;;
    esac
  done
  COMPREPLY=()
  case $previous in
{1}    *)
      case $command in
{2}        *) words='{3} {4}' ;;
      esac
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}}
complete -F _nai_model_processor nai-model-processor
)";
  return fmt::format(k_script, command_names(" | "), bash_values(), commands_text,
                     command_names(" "), flags_of(commands().front()));
}

// One argument of zsh's _arguments.
string zsh_argument(const Setting& setting) {
  string help = short_help(setting);
  string escaped;
  for (const char c : help) {
    escaped += (c == '[' || c == ']' || c == ':' || c == '\\') ? string{'\\', c} : string(1, c);
  }
  string text = fmt::format("{}{}[{}]", setting.repeatable ? "*" : "", setting.flag, escaped);
  switch (value_of(setting)) {
    case Value::none:
      break;
    case Value::choice:
      text += fmt::format(":value:({})", words_of(setting.value_name));
      break;
    case Value::file:
      text += ":file:_files";
      break;
    case Value::directory:
      text += ":directory:_files -/";
      break;
    case Value::other:
      text += ":value:";
      break;
  }
  return single_quoted(text);
}

string zsh_script() {
  string list;
  string cases;
  for (const Command& command : commands()) {
    list +=
        fmt::format("    {}\n", single_quoted(fmt::format("{}:{}", command.name, command.help)));
    cases += fmt::format("    {})\n      _arguments", command.name);
    if (!command.operand.empty()) {
      cases += fmt::format(" '1:shell:({})'", words_of(command.operand));
    }
    for (const Setting& setting : settings()) {
      if (reads(command, setting)) {
        cases += " \\\n        " + zsh_argument(setting);
      }
    }
    cases +=
        " \\\n        '--help[the help page]' '--version[version, commit, libraries]'\n      ;;\n";
  }
  return fmt::format(R"(#compdef nai-model-processor
# source <(nai-model-processor completion zsh), or into a file _nai_model_processor in $fpath
_nai_model_processor() {{
  local -a list
  list=(
{0}  )
  local command={1}
  if (( CURRENT == 2 )) && [[ ${{words[2]}} != -* ]]; then
    _describe command list
    return
  fi
  if [[ ${{words[2]}} != -* ]]; then
    command=${{words[2]}}
    shift words
    (( CURRENT-- ))
  fi
  case $command in
{2}  esac
}}
if [ "$funcstack[1]" = _nai_model_processor ]; then
  _nai_model_processor "$@"
else
  compdef _nai_model_processor nai-model-processor
fi
)",
                     list, commands().front().name, cases);
}

// fish wants \' in its single quotes.
string in_fish_quotes(string_view text) { return single_quoted(text, R"(\')"); }

string fish_flag(const Setting& setting) {
  string text = fmt::format("complete -c nai-model-processor -l {} -d {}", setting.flag.substr(2),
                            in_fish_quotes(short_help(setting)));
  if (!setting.commands.empty()) {
    const bool by_default = util::split(setting.commands, ' ').front() == commands().front().name;
    text += fmt::format(" -n '{}__fish_seen_subcommand_from {}'",
                        by_default ? "__fish_use_subcommand; or " : "", setting.commands);
  }
  switch (value_of(setting)) {
    case Value::none:
      break;
    case Value::choice:
      text += fmt::format(" -x -a '{}'", words_of(setting.value_name));
      break;
    case Value::file:
    case Value::directory:
      text += " -r -F";
      break;
    case Value::other:
      text += " -x";
      break;
  }
  return text + "\n";
}

string fish_script() {
  string text =
      "# nai-model-processor completion fish | source\n"
      "complete -c nai-model-processor -f\n";
  for (const Command& command : commands()) {
    text += fmt::format("complete -c nai-model-processor -n __fish_use_subcommand -a {} -d {}\n",
                        command.name, in_fish_quotes(command.help));
    if (!command.operand.empty()) {
      text += fmt::format(
          "complete -c nai-model-processor -n '__fish_seen_subcommand_from {}' -a '{}'\n",
          command.name, words_of(command.operand));
    }
  }
  for (const Setting& setting : settings()) {
    if (!setting.flag.empty()) {
      text += fish_flag(setting);
    }
  }
  return text +
         "complete -c nai-model-processor -s h -l help -d 'The help page'\n"
         "complete -c nai-model-processor -s V -l version -d 'Version, commit, libraries'\n";
}

}  // namespace

string completion_script(string_view shell) {
  return shell == "zsh" ? zsh_script() : shell == "fish" ? fish_script() : bash_script();
}

}  // namespace nai::app
