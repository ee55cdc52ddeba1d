// SPDX-License-Identifier: Apache-2.0
#include <source/hugging_face/hub_error.hpp>

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <nai/util/json.hpp>
#include <nai/util/text.hpp>

namespace nai::source {

namespace {

constexpr std::size_t k_max_message_bytes = 1000;
constexpr std::size_t k_max_id_bytes = 200;
constexpr std::string_view k_disabled = "Access to this resource is disabled.";

std::string header(const http::Response& response, std::string_view name) {
  return std::string(util::trim(response.headers.find(name).value_or("")));
}

// HTTP/1.1 lets a server leave the reason out.
std::string reason_of(const http::Response& response) {
  if (!response.reason.empty()) {
    return util::printable(response.reason, k_max_id_bytes);
  }
  switch (response.status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 429:
      return "Too Many Requests";
    case 451:
      return "Unavailable For Legal Reasons";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "no reason given";
  }
}

void add_message(std::vector<std::string>& messages, std::string_view message) {
  std::string text = util::printable(util::trim(message), k_max_message_bytes, true);
  if (!text.empty() && std::find(messages.begin(), messages.end(), text) == messages.end()) {
    messages.push_back(std::move(text));
  }
}

void add_json_messages(std::vector<std::string>& messages, const nlohmann::json& body) {
  if (const nlohmann::json* error = util::member(body, "error"); error != nullptr) {
    for (const nlohmann::json& part :
         error->is_array() ? *error : nlohmann::json::array({*error})) {
      if (part.is_string()) {
        add_message(messages, part.get_ref<const std::string&>());
      }
    }
  }
  if (const nlohmann::json* errors = util::member(body, "errors");
      errors != nullptr && errors->is_array()) {
    for (const nlohmann::json& error : *errors) {
      add_message(messages, util::string_member(error, "message").value_or(""));
    }
  }
}

// The content of the first element of this name that has no other within.
std::string_view element(std::string_view xml, std::string_view name) {
  const std::string begin_tag = fmt::format("<{}>", name);
  const auto begin = xml.find(begin_tag);
  if (begin == std::string_view::npos) {
    return {};
  }
  xml.remove_prefix(begin + begin_tag.size());
  const auto end = xml.find('<');
  const bool whole = end != std::string_view::npos && xml.substr(end).starts_with("</");
  return whole ? xml.substr(0, end) : std::string_view();
}

// S3's errors, and those of stores like it, hold the signature and what was signed besides.
bool add_xml_message(std::vector<std::string>& messages, std::string_view body) {
  if (body.find("<Error>") == std::string_view::npos) {
    return false;
  }
  const auto code = element(body, "Code");
  const auto message = element(body, "Message");
  add_message(messages,
              fmt::format("{}{}{}", code, code.empty() || message.empty() ? "" : ": ", message));
  return true;
}

// What the server itself says: the header, then the body, each message once.
std::vector<std::string> server_messages(const http::Response& response, std::string_view body) {
  std::vector<std::string> messages;
  add_message(messages, header(response, "X-Error-Message"));
  if (const auto json = util::parse_json(body)) {
    add_json_messages(messages, *json);
  } else if (!util::contains_ignoring_case(header(response, "Content-Type"), "html") &&
             !add_xml_message(messages, body)) {
    add_message(messages, body);
  }
  return messages;
}

bool is_repository_url(const http::Url& url) {
  const auto has_more_after = [&](std::string_view part) {
    const auto at = url.path().find(part);
    return at != std::string::npos && at + part.size() < url.path().size();
  };
  return has_more_after("/api/models/") || has_more_after("/resolve/");
}

std::string forbidden_text(const http::Response& response, const http::Url& url) {
  const std::string message = header(response, "X-Error-Message");
  // Without the header the original says "None", which tells nobody anything.
  return fmt::format(
      "\n\n403 Forbidden{}.\nCannot access content at: {}.\nMake sure your token has the correct "
      "permissions.",
      message.empty() ? "" : ": " + util::printable(message, k_max_message_bytes), url.display());
}

// The text before the server's messages and the request id; the first row that fits wins.
std::string bare_text(const http::Response& response, const http::Url& url) {
  const std::string code = header(response, "X-Error-Code");
  const std::string where = url.display();
  const std::string start = fmt::format("{} Client Error.\n\n", response.status);
  if (code == "RevisionNotFound") {
    return start + fmt::format("Revision Not Found for url: {}.", where);
  }
  if (code == "EntryNotFound") {
    return start + fmt::format("Entry Not Found for url: {}.", where);
  }
  if (code == "GatedRepo") {
    return start + fmt::format("Cannot access gated repo for url {}.", where);
  }
  if (header(response, "X-Error-Message") == k_disabled) {
    return start + fmt::format("Cannot access repository for url {}.\n{}", where, k_disabled);
  }
  if (code == "RepoNotFound" || (response.status == 401 && is_repository_url(url))) {
    return start +
           fmt::format(
               "Repository Not Found for url: {}.\nPlease make sure you specified the correct "
               "`repo_id` and `repo_type`.\nIf you are trying to access a private or gated repo, "
               "make sure you are authenticated.",
               where);
  }
  if (response.status == 403) {
    return forbidden_text(response, url);
  }
  return fmt::format("{} {} Error: {} for url: {}", response.status,
                     response.status >= 500 ? "Server" : "Client", reason_of(response), where);
}

util::ErrorKind kind_of(int status) {
  switch (status) {
    case 401:
    case 402:
    case 403:
      return util::ErrorKind::unauthorized;
    case 404:
    case 410:
    case 451:
      return util::ErrorKind::not_found;
    case 407:
    case 408:
    case 425:
    case 429:
      return util::ErrorKind::temporary;
    default:
      return status >= 500 ? util::ErrorKind::temporary : util::ErrorKind::usage;
  }
}

}  // namespace

std::string request_id(const http::Response& response) {
  constexpr std::array<std::string_view, 4> k_names = {"X-Request-Id", "X-Amz-Request-Id",
                                                       "X-Amz-Cf-Id", "CF-RAY"};
  for (const std::string_view name : k_names) {
    if (const std::string id = header(response, name); !id.empty()) {
      return util::printable(id, k_max_id_bytes);
    }
  }
  return {};
}

std::string hub_error_text(const http::Response& response, std::string_view body,
                           const http::Url& url) {
  std::string text = bare_text(response, url);
  const std::string words = fmt::format("{}", fmt::join(server_messages(response, body), "\n"));
  if (!util::contains_ignoring_case(text, words)) {
    text += (text.find("\n\n") == std::string::npos ? "\n\n" : "\n") + words;
  }
  const std::string id = util::printable(header(response, "X-Request-Id"), k_max_id_bytes);
  if (!id.empty() && !util::contains_ignoring_case(text, id)) {
    text.insert(std::min(text.find('\n'), text.size()), fmt::format(" (Request ID: {})", id));
  }
  return std::string(util::trim(text));
}

namespace {

// Where the answer is not even an error, the original's words would mislead.
std::string foreign_text(const http::Response& response, std::string_view body,
                         const http::Url& url) {
  return response.status >= 400 ? hub_error_text(response, body, url)
                                : fmt::format("it answered {} to {}, which leads nowhere",
                                              server_words(response, body), url.display());
}

}  // namespace

util::Error hub_error(const http::Response& response, std::string_view body, const http::Url& url) {
  const util::ErrorKind kind = kind_of(response.status);
  if (kind == util::ErrorKind::usage) {
    return {kind, fmt::format("{} does not take this request; check REPO_ID, REPO_VERSION, "
                              "HF_ENDPOINT and the proxy variables\n{}",
                              url.host(), foreign_text(response, body, url))};
  }
  const std::string text = hub_error_text(response, body, url);
  if (kind == util::ErrorKind::unauthorized) {
    return {kind, "Token unauthorized to access Hugging Face Repo: " + text};
  }
  if (kind == util::ErrorKind::not_found && header(response, "X-Error-Code") != "EntryNotFound") {
    return {kind, "Hugging Face Repo not found: " + text};
  }
  return {kind, text};
}

std::string server_words(const http::Response& response, std::string_view body) {
  std::string words = fmt::format("{} {}", response.status, reason_of(response));
  const std::vector<std::string> messages = server_messages(response, body);
  if (!messages.empty()) {
    words += ": " + util::printable(fmt::format("{}", fmt::join(messages, "; ")),
                                    k_max_message_bytes, true);
    std::replace(words.begin(), words.end(), '\n', ' ');
  }
  if (const std::string id = request_id(response); !id.empty()) {
    words += fmt::format(" (Request ID: {})", id);
  }
  return words;
}

}  // namespace nai::source
