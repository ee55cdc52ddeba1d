// SPDX-License-Identifier: Apache-2.0
#include "app/config.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nai/source/hugging_face.hpp>
#include <nai/source/nim.hpp>
#include <nai/util/error.hpp>
#include <nai/util/text.hpp>

#include "app/arguments.hpp"
#include "app/commands/commands.hpp"
#include "app/redactor.hpp"
#include "app/settings.hpp"
#include "app/token.hpp"

namespace nai::app {

namespace {

constexpr std::array<std::string_view, 2> k_hub_token_variables{"HF_TOKEN",
                                                                "HUGGING_FACE_HUB_TOKEN"};
constexpr std::array<std::string_view, 2> k_ngc_key_variables{"NGC_API_KEY", "NGC_CLI_API_KEY"};
constexpr std::array<std::string_view, 1> k_registry_password_variables{"REGISTRY_PASSWORD"};

[[noreturn]] void refuse(const std::string& message) {
  throw util::Error(util::ErrorKind::usage, message);
}

// Trimmed; empty when absent or empty.
std::string_view variable(const Environment& environment, std::string_view name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string_view() : util::trim(found->second);
}

void apply(const Setting& setting, Config& config, std::string_view origin,
           std::string_view value) {
  const auto accepted = setting.apply(config, value);
  if (!accepted.empty()) {
    refuse(fmt::format("{} is \"{}\": expected {}", origin, util::printable(value, 200), accepted));
  }
}

// The flag's values, else the variable's, else what applies without.
void load(const Setting& setting, Config& config, const Arguments& arguments,
          const Environment& environment) {
  const auto flag = arguments.values.find(setting.flag);
  if (flag != arguments.values.end() && !flag->second.empty()) {
    for (const auto& value : flag->second) {
      if (const auto text = util::trim(value); !text.empty()) {
        apply(setting, config, name_of(setting), text);
      }
    }
    return;
  }
  if (const auto value = variable(environment, setting.variable); !value.empty()) {
    apply(setting, config, name_of(setting), value);
  }
}

const Command& command_of(const Config& config) {
  return *std::find_if(commands().begin(), commands().end(),
                       [&](const Command& command) { return command.name == config.command; });
}

// The one word that the command takes.
void load_operand(Config& config, const std::string& operand) {
  const std::string_view accepted = command_of(config).operand;
  if (accepted.empty()) {
    return;
  }
  const auto words = util::split(accepted, '|');
  if (std::find(words.begin(), words.end(), operand) == words.end()) {
    refuse(operand.empty()
               ? fmt::format("{} needs a word more: expected {}", config.command, accepted)
               : fmt::format("{} of \"{}\": expected {}", config.command,
                             util::printable(operand, 40), accepted));
  }
  config.options.shell = operand;
}

// What would have no effect is a mistake.
void check_options(const Config& config, const Arguments& arguments) {
  for (const Setting& setting : settings()) {
    const auto given = arguments.values.find(setting.flag);
    if (given == arguments.values.end() || given->second.empty() || setting.commands.empty()) {
      continue;
    }
    const auto names = util::split(setting.commands, ' ');
    if (std::find(names.begin(), names.end(), config.command) == names.end()) {
      refuse(fmt::format("{} is an option of {}, and the command is {}", setting.flag,
                         fmt::join(names, " and "), config.command));
    }
  }
  if (config.options.json && (config.options.kubernetes || config.options.repair)) {
    refuse("--json cannot be combined with --kubernetes or --repair, which print something else");
  }
}

void apply_presets(Config& config) {
  for (const Setting& setting : settings()) {
    if (setting.apply != nullptr && !setting.preset.empty()) {
      apply(setting, config, name_of(setting), setting.preset);
    }
  }
}

void check_format(Config& config) {
  const bool nim = config.provider == Provider::nim;
  const auto expected = nim ? OutputFormat::nim : OutputFormat::hugging_face;
  if (config.output_format.value_or(expected) != expected) {
    refuse(
        fmt::format("OUTPUT_FORMAT (--output-format) is \"{}\" while PROVIDER (--provider) is "
                    "\"{}\": the two go together, expected the same value or no OUTPUT_FORMAT",
                    nim ? "hf" : "nim", nim ? "nim" : "hf"));
  }
  config.output_format = expected;
}

void check_repository(Config& config) {
  if (config.repository.empty()) {
    if (!command_of(config).needs_model) {
      return;
    }
    refuse(
        "REPO_ID (--repo-id) is not set: expected the model's repository, such as "
        "meta-llama/Llama-3.1-8B-Instruct");
  }
  if (config.provider == Provider::hugging_face) {
    try {
      config.repository = source::parse_repository(config.repository);
    } catch (const util::Error& error) {
      throw error.with_context("REPO_ID (--repo-id)");
    }
  } else {
    try {
      config.repository = source::parse_image_name(config.repository);
    } catch (const util::Error& error) {
      throw error.with_context("REPO_ID (--repo-id)");
    }
  }
  if (config.model_name.empty()) {
    config.model_name = config.repository;
  }
}

void check_shards(const Config& config) {
  const ShardConfig& shards = config.shards;
  if (shards.count == 1) {
    return;
  }
  if (config.provider == Provider::nim) {
    refuse(
        fmt::format("SHARD_COUNT (--shard-count) is {} while PROVIDER (--provider) is \"nim\": one "
                    "pod stages a profile, leave SHARD_COUNT out",
                    shards.count));
  }
  if (!shards.index) {
    refuse(
        fmt::format("SHARD_COUNT (--shard-count) is {} and JOB_COMPLETION_INDEX (--shard-index) is "
                    "not set: start the pods by a Job with completionMode Indexed, which sets it",
                    shards.count));
  }
  if (*shards.index >= shards.count) {
    refuse(
        fmt::format("JOB_COMPLETION_INDEX (--shard-index) is {} and SHARD_COUNT (--shard-count) is "
                    "{}: expected an index from 0 to {}; give SHARD_COUNT the value of the Job's "
                    "completions",
                    *shards.index, shards.count, shards.count - 1));
  }
}

void check_sizes(Config& config) {
  if (config.transfer.chunk_bytes < config.transfer.block_bytes) {
    refuse(
        "CHUNK_SIZE (--chunk-size) is smaller than BLOCK_SIZE (--block-size): expected at least "
        "the same");
  }
  config.transfer.min_chunk_bytes =
      std::min(config.transfer.min_chunk_bytes, config.transfer.chunk_bytes);
}

void load_credentials(Config& config, const Environment& environment) {
  const bool nim = config.provider == Provider::nim;
  const bool named = !variable(environment, "SECRETS_PATH").empty();
  config.hub_token = find_credential({.flag_file = nim ? "" : config.token_file,
                                      .variables = k_hub_token_variables,
                                      .path_variable = "HF_TOKEN_PATH",
                                      .secret_directory = config.secret_directory,
                                      .secret_directory_named = named,
                                      .secret_name = "HF_TOKEN"},
                                     environment);
  if (nim) {
    config.ngc_key = find_credential({.flag_file = config.token_file,
                                      .variables = k_ngc_key_variables,
                                      .path_variable = "NGC_API_KEY_PATH",
                                      .secret_directory = config.secret_directory,
                                      .secret_directory_named = named,
                                      .secret_name = "NGC_API_KEY"},
                                     environment);
    config.registry_password = find_credential({.flag_file = {},
                                                .variables = k_registry_password_variables,
                                                .path_variable = "REGISTRY_PASSWORD_PATH",
                                                .secret_directory = config.secret_directory,
                                                .secret_directory_named = false,
                                                .secret_name = "REGISTRY_PASSWORD"},
                                               environment);
  }
}

// "secret" of "http://user:secret@host".
std::string_view password_in(std::string_view address) {
  const auto at = address.rfind('@');
  if (at == std::string_view::npos) {
    return {};
  }
  auto user_info = address.substr(0, at);
  if (const auto scheme = user_info.find("://"); scheme != std::string_view::npos) {
    user_info.remove_prefix(scheme + 3);
  }
  const auto colon = user_info.find(':');
  return colon == std::string_view::npos ? std::string_view() : user_info.substr(colon + 1);
}

}  // namespace

Environment read_environment(const char* const* variables) {
  Environment environment;
  for (; variables != nullptr && *variables != nullptr; ++variables) {
    const std::string_view entry(*variables);
    if (const auto equals = entry.find('='); equals != std::string_view::npos) {
      environment.emplace(entry.substr(0, equals), entry.substr(equals + 1));
    }
  }
  return environment;
}

Config load_config(std::span<const char* const> arguments, const Environment& environment) {
  const Arguments parsed = parse_arguments(arguments);
  Config config;
  config.command = parsed.command.empty() ? commands().front().name : parsed.command;
  config.show_help = parsed.help;
  config.show_version = parsed.version;
  apply_presets(config);
  if (config.show_help || config.show_version) {
    return config;
  }
  for (const Setting& setting : settings()) {
    if (setting.apply != nullptr) {
      load(setting, config, parsed, environment);
    }
  }
  load_operand(config, parsed.operand);
  check_options(config, parsed);
  check_format(config);
  check_repository(config);
  check_sizes(config);
  check_shards(config);
  load_credentials(config, environment);
  return config;
}

OutputConfig load_output_config(std::span<const char* const> arguments,
                                const Environment& environment) {
  Arguments parsed;
  try {
    parsed = parse_arguments(arguments);
  } catch (const util::Error&) {
    // The environment alone then.
  }
  Config config;
  for (const Setting& setting : settings()) {
    if (setting.group != SettingGroup::output) {
      continue;
    }
    try {
      load(setting, config, parsed, environment);
    } catch (const util::Error&) {
      // What load_config() reports, in the way that stays in force.
    }
  }
  return config.output;
}

std::vector<std::string> secrets_in(const Environment& environment) {
  std::vector<std::string> secrets;
  const auto add = [&](std::string_view secret) {
    if (secret.size() >= k_shortest_secret) {
      secrets.emplace_back(secret);
    }
  };
  for (const Setting& setting : settings()) {
    if (setting.secret) {
      add(variable(environment, setting.variable));
    } else if (setting.group == SettingGroup::network) {
      add(password_in(variable(environment, setting.variable)));
      add(password_in(variable(environment, util::to_lower(setting.variable))));
    }
  }
  return secrets;
}

}  // namespace nai::app
