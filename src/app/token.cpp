// SPDX-License-Identifier: Apache-2.0
#include "app/token.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <nai/util/error.hpp>
#include <nai/util/file.hpp>
#include <nai/util/text.hpp>

namespace nai::app {

namespace {

constexpr std::size_t k_max_token_bytes = std::size_t{16} * 1024;

[[noreturn]] void refuse(std::string_view origin, std::string_view problem) {
  throw util::Error(util::ErrorKind::usage, fmt::format("{} {}", origin, problem));
}

// The token in `text`, empty when there is none. Tokens travel in a header field, so nothing but
// visible ASCII is one.
std::string clean_token(std::string_view text, std::string_view origin) {
  const auto token = util::trim(text);
  if (token.size() > k_max_token_bytes) {
    refuse(origin, fmt::format("is larger than {} bytes and so is no token", k_max_token_bytes));
  }
  const bool visible = std::all_of(token.begin(), token.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7F;
  });
  if (!visible) {
    refuse(origin,
           "has white space or control characters inside the token (not shown here): copy it "
           "again, as one line");
  }
  if (token.starts_with('"') || token.starts_with('\'')) {
    refuse(origin, "has quotation marks around the token: remove them");
  }
  return std::string(token);
}

// Empty when the file does not exist. Follows symbolic links, which is how Kubernetes mounts
// secrets.
std::optional<std::string> read_token_file(const std::filesystem::path& path,
                                           std::string_view origin) {
  std::string text(k_max_token_bytes + 1, '\0');
  try {
    const auto fd = util::open_existing(path, O_RDONLY);
    if (!fd) {
      return std::nullopt;
    }
    struct stat status {};
    if (::fstat(fd->get(), &status) != 0 || !S_ISREG(status.st_mode)) {
      refuse(origin, fmt::format("names {}, which is not a regular file", path.string()));
    }
    text.resize(util::read_at(*fd, std::as_writable_bytes(std::span(text)), 0, path));
  } catch (const util::Error& error) {
    if (error.kind() == util::ErrorKind::usage) {
      throw;
    }
    refuse(origin, fmt::format("cannot be used: {}", error.what()));
  }
  return clean_token(text, fmt::format("{} names {}, which", origin, path.string()));
}

// The credential in the file, or a note why there is none.
Credential file_credential(const std::filesystem::path& path, std::string_view origin) {
  auto token = read_token_file(path, origin);
  if (token && !token->empty()) {
    return {.value = std::move(*token), .origin = fmt::format("the file {}", path.string())};
  }
  return {.value = {},
          .origin = {},
          .notes = {fmt::format("{} names {}, which {}", origin, path.string(),
                                token ? "is empty" : "does not exist")}};
}

// The last place to look. A directory that nobody named is not worth an error.
Credential from_secret_directory(const CredentialSources& sources, Credential none) {
  try {
    auto credential =
        file_credential(sources.secret_directory / sources.secret_name, "SECRETS_PATH");
    if (!credential.value.empty()) {
      return credential;
    }
    if (sources.secret_directory_named) {
      none.notes.insert(none.notes.end(), credential.notes.begin(), credential.notes.end());
    }
  } catch (const util::Error&) {
    if (sources.secret_directory_named) {
      throw;
    }
  }
  return none;
}

}  // namespace

Credential find_credential(const CredentialSources& sources, const Environment& environment) {
  if (!sources.flag_file.empty()) {
    auto credential = file_credential(sources.flag_file, "--token-file");
    if (credential.value.empty()) {
      throw util::Error(util::ErrorKind::usage, credential.notes.front());
    }
    return credential;
  }
  for (const auto variable : sources.variables) {
    const auto given = environment.find(variable);
    auto token = given == environment.end() ? std::string() : clean_token(given->second, variable);
    if (!token.empty()) {
      return {.value = std::move(token), .origin = std::string(variable)};
    }
  }
  Credential none;
  const auto named = environment.find(sources.path_variable);
  if (const auto path = named == environment.end() ? std::string_view() : util::trim(named->second);
      !path.empty()) {
    none = file_credential(path, sources.path_variable);
    if (!none.value.empty()) {
      return none;
    }
  }
  return from_secret_directory(sources, std::move(none));
}

}  // namespace nai::app
