// SPDX-License-Identifier: Apache-2.0
#include "support/mock/program.hpp"

#include <charconv>
#include <functional>
#include <limits>

namespace mock {

namespace {

using Apply = std::function<void(ProgramOptions&, const std::string&)>;

struct Flag {
  std::string name;
  std::string value;  // what to call it in the help; empty: the flag takes none
  std::string text;
  Apply apply;
};

std::uint64_t parse_number(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    throw UsageError("not a number: " + text);
  }
  return value;
}

// "50M" is 50 000 000.
std::uint64_t parse_bytes(const std::string& text) {
  constexpr std::string_view k_units = "kMG";
  const auto unit = text.empty() ? std::string_view::npos : k_units.find(text.back());
  if (unit == std::string_view::npos) {
    return parse_number(text);
  }
  std::uint64_t value = parse_number(text.substr(0, text.size() - 1));
  for (std::size_t i = 0; i <= unit; ++i) {
    value *= 1000;
  }
  return value;
}

template <typename Integer>
Integer parse_integer(const std::string& text) {
  const std::uint64_t value = parse_number(text);
  if (value > static_cast<std::uint64_t>(std::numeric_limits<Integer>::max())) {
    throw UsageError("too large: " + text);
  }
  return static_cast<Integer>(value);
}

std::pair<std::string, std::string> parse_pair(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    throw UsageError("expected NAME=VALUE: " + text);
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

LocationStyle parse_style(const std::string& text) {
  if (text != "s3" && text != "cloudfront") {
    throw UsageError("expected s3 or cloudfront: " + text);
  }
  return text == "s3" ? LocationStyle::s3 : LocationStyle::cloudfront;
}

std::vector<Flag> content_flags() {
  using O = ProgramOptions;
  using S = const std::string;
  return {
      {"--repo", "ID=DIR",
       "serve a directory; files above 10 MB or named like weights are LFS files",
       [](O& o, S& v) { o.directories.emplace_back(parse_pair(v)); }},
      {"--commit", "ID=SHA", "the commit id of such a repository (default: made up)",
       [](O& o, S& v) { o.commits.push_back(parse_pair(v)); }},
      {"--listing", "FILE", "serve a repository of which only names and sizes are known (JSON)",
       [](O& o, S& v) { o.listings.emplace_back(v); }},
      {"--digest-cache", "FILE", "keep the SHA-256 of large files here between runs",
       [](O& o, S& v) { o.digest_cache = v; }},
      {"--gated", "ID", "a gated repository; one that is not served gets a config.json",
       [](O& o, S& v) { o.gated.insert(v); }},
      {"--private", "ID", "a private repository", [](O& o, S& v) { o.private_ones.insert(v); }},
      {"--disabled", "ID", "a disabled repository", [](O& o, S& v) { o.disabled.insert(v); }},
      {"--renamed", "OLD=NEW", "redirect the old name of a repository to the new one",
       [](O& o, S& v) { o.renamed.push_back(parse_pair(v)); }},
      {"--token", "NAME=VALUE", "a user and the token that proves it",
       [](O& o, S& v) { o.registry.tokens.insert(parse_pair(v)); }},
      {"--allow", "ID=NAME", "let a user into a gated or private repository",
       [](O& o, S& v) { o.allowed.push_back(parse_pair(v)); }},
  };
}

std::vector<Flag> server_flags() {
  using O = ProgramOptions;
  using S = const std::string;
  return {
      {"--tls", "", "HTTPS with a throw-away CA", [](O& o, S&) { o.registry.tls = true; }},
      {"--ca-file", "OUT", "write the CA's certificate (PEM)", [](O& o, S& v) { o.ca_file = v; }},
      {"--endpoints", "FILE", "write the URLs of all hosts (JSON) once they answer",
       [](O& o, S& v) { o.endpoints_file = v; }},
      {"--hub-port", "N", "port of the Hub on 127.0.0.1 (default: any)",
       [](O& o, S& v) { o.registry.hub_port = parse_integer<std::uint16_t>(v); }},
      {"--cdn-port", "N", "port of the CDN on 127.0.0.2 (default: any)",
       [](O& o, S& v) { o.registry.cdn_port = parse_integer<std::uint16_t>(v); }},
      {"--control-port", "N", "port of /__mock/stats and /__mock/requests (default: any)",
       [](O& o, S& v) { o.registry.control_port_number = parse_integer<std::uint16_t>(v); }},
      {"--second-cdn", "", "a second CDN host on 127.0.0.3; locations take turns",
       [](O& o, S&) { o.registry.second_cdn = true; }},
      {"--content-origin", "URL", "redirect LFS files to URL/path: a server of yours that has them",
       [](O& o, S& v) { o.registry.content_origin = v; }},
      {"--location-lifetime", "S", "seconds a signed location is good for (default: 3600)",
       [](O& o, S& v) {
         o.registry.location_lifetime = std::chrono::seconds(parse_integer<std::int32_t>(v));
       }},
      {"--location-style", "STYLE", "s3 (default) or cloudfront",
       [](O& o, S& v) { o.registry.location_style = parse_style(v); }},
      {"--no-xet", "", "do not offer Xet in trees and /resolve",
       [](O& o, S&) { o.registry.advertises_xet = false; }},
      {"--no-commits", "", "a mirror without /commits",
       [](O& o, S&) { o.registry.mirror.has_commits = false; }},
      {"--no-tree", "", "a mirror without /tree",
       [](O& o, S&) { o.registry.mirror.has_tree = false; }},
      {"--no-redirects", "", "a mirror that sends all content itself",
       [](O& o, S&) { o.registry.mirror.redirects = false; }},
  };
}

std::vector<Flag> shaping_flags() {
  using O = ProgramOptions;
  using S = const std::string;
  return {
      {"--rate", "BYTES", "bytes a second over all connections (k, M, G are decimal)",
       [](O& o, S& v) { o.registry.shaping.total_bytes_per_second = parse_bytes(v); }},
      {"--connection-rate", "BYTES", "bytes a second of each connection",
       [](O& o, S& v) { o.registry.shaping.connection_bytes_per_second = parse_bytes(v); }},
      {"--latency-ms", "N", "milliseconds before each answer",
       [](O& o, S& v) {
         o.registry.shaping.latency = std::chrono::milliseconds(parse_integer<std::int32_t>(v));
       }},
      {"--collapse-above", "N", "more than N content answers at once slow each other down ...",
       [](O& o, S& v) { o.registry.shaping.collapse_above = parse_integer<unsigned>(v); }},
      {"--collapsed-rate", "BYTES", "... to this many bytes a second each",
       [](O& o, S& v) { o.registry.shaping.collapsed_bytes_per_second = parse_bytes(v); }},
      {"--send-buffer", "BYTES",
       "SO_SNDBUF of the CDN, so that bytes served are close to bytes received",
       [](O& o, S& v) {
         o.registry.cdn_send_buffer_bytes = static_cast<int>(parse_bytes(v) & 0x7fffffffU);
       }},
  };
}

std::string describe(const std::vector<Flag>& flags) {
  constexpr std::size_t k_column = 28;
  std::string text;
  for (const Flag& flag : flags) {
    std::string line = "  " + flag.name + (flag.value.empty() ? "" : " " + flag.value);
    line.resize(std::max(k_column, line.size() + 2), ' ');
    text += line + flag.text + "\n";
  }
  return text;
}

}  // namespace

std::string help_text() {
  return "usage: mock-registry [OPTION]...\n"
         "\n"
         "Serves a mock of the Hugging Face Hub and its CDN on the loopback interface, as strict "
         "as\n"
         "the real ones: signed locations that expire, no tokens on the CDN, gated repositories.\n"
         "Prints one line when ready and runs until SIGTERM or SIGINT. Options may be repeated.\n"
         "\n"
         "What is served:\n" +
         describe(content_flags()) + "\nHow it is served:\n" + describe(server_flags()) +
         "\nHow slow it seems:\n" + describe(shaping_flags()) +
         "\n  -h, --help                this page\n"
         "\n"
         "Example:\n"
         "  mock-registry --tls --ca-file ca.pem --endpoints endpoints.json \\\n"
         "    --listing tests/fixtures/llama-3.1-8b-instruct.json --token alice=hf_alice\n";
}

ProgramOptions parse_program_options(const std::vector<std::string>& arguments) {
  std::map<std::string, Flag> flags;
  for (const auto& group : {content_flags(), server_flags(), shaping_flags()}) {
    for (const Flag& flag : group) {
      flags[flag.name] = flag;
    }
  }
  ProgramOptions options;
  options.registry.control_port = true;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--help" || arguments[i] == "-h") {
      options.help = true;
      return options;
    }
    const auto equals = arguments[i].find('=');
    const std::string name = arguments[i].substr(0, equals);
    const auto flag = flags.find(name);
    if (flag == flags.end()) {
      throw UsageError("unknown option " + name);
    }
    const bool takes_value = !flag->second.value.empty();
    if (takes_value && equals == std::string::npos && i + 1 == arguments.size()) {
      throw UsageError(name + " needs " + flag->second.value);
    }
    if (!takes_value && equals != std::string::npos) {
      throw UsageError(name + " takes no value");
    }
    std::string value;
    if (takes_value) {
      value = equals == std::string::npos ? arguments[++i] : arguments[i].substr(equals + 1);
    }
    flag->second.apply(options, value);
  }
  return options;
}

}  // namespace mock
