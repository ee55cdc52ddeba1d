// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "app/config.hpp"

namespace nai::app {

enum class SettingGroup { model, credentials, volume, network, transfer, shards, output, commands };

// "What to fetch".
[[nodiscard]] std::string_view title(SettingGroup group);

// One thing that can be set. The table of these is the only list of variables and flags: reading
// the environment, parsing arguments, --help and the reference derive from it.
struct Setting {
  SettingGroup group;
  std::string_view variable = {};    // empty: flag only
  std::string_view flag = {};        // with dashes; empty: variable only
  std::string_view value_name = {};  // "ORG/NAME"
  std::string_view preset = {};      // what applies when nothing is given; empty: nothing
  std::string_view help = {};
  // Puts a trimmed, non-empty value into the configuration. Returns what would have been accepted,
  // empty when all is well. Null for what is read elsewhere (tokens) or by libcurl (proxies).
  std::string (*apply)(Config& config, std::string_view value) = nullptr;
  bool repeatable = false;  // the flag may be given more than once; apply() is called for each
  bool secret = false;      // the value itself is secret
  bool is_switch = false;   // the flag takes no value; apply() gets "true"
  std::string_view commands = {};  // that read it, separated by spaces; empty: all
};

[[nodiscard]] std::span<const Setting> settings();

// "REPO_ID (--repo-id)", or the one of both that there is.
[[nodiscard]] std::string name_of(const Setting& setting);

}  // namespace nai::app
