// SPDX-License-Identifier: Apache-2.0
#include <source/nim/registry_client.hpp>

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>

#include <nai/digest/hasher.hpp>
#include <nai/http/redirect.hpp>
#include <nai/util/text.hpp>

#include <source/hugging_face/hub_error.hpp>
#include <source/hugging_face/located_fetch.hpp>

namespace nai::source {

namespace {

constexpr std::string_view k_manifest_types =
    "application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json";
// The limit that the distribution specification sets.
constexpr std::size_t k_max_manifest_bytes = std::size_t{4} << 20U;
// nvcr.io was seen to refuse a good token once.
constexpr std::chrono::milliseconds k_second_look{1'500};
constexpr int k_content_tries = 3;
// Less than this is no progress: a server that sends a few bytes and breaks off must not keep a run
// alive for ever.
constexpr std::uint64_t k_progress_bytes = std::uint64_t{64} << 10U;

digest::Digest sha256_of(std::string_view text) {
  digest::Hasher hasher(digest::Algorithm::sha256, text.size());
  hasher.update(std::as_bytes(std::span(text)));
  return hasher.digest();
}

void append(std::string& text, std::span<const std::byte> data) {
  for (const std::byte byte : data) {
    text += static_cast<char>(byte);
  }
}

// Why the answer does not go on at `position`; empty when it does, or begins anew.
std::string range_problem(const http::Response& head, const Blob& blob, std::uint64_t position) {
  if (head.status == 200) {
    return "";
  }
  const auto range = http::parse_content_range(head.headers.find("Content-Range").value_or(""));
  const bool fits =
      range && range->range.offset == position && range->total.value_or(blob.size) == blob.size;
  return fits ? "" : "the registry sent another range than asked for";
}

bool is_object(std::string_view body) { return util::trim(body).starts_with('{'); }

// Why an answer is not the manifest that was asked for; empty when it is.
std::string manifest_problem(const http::Response& head, std::string_view body,
                             const std::string& version) {
  if (!is_object(body)) {
    return fmt::format("is no JSON object but {} bytes of {}; is there a proxy's page in between?",
                       body.size(),
                       util::printable(head.headers.find("Content-Type").value_or("no type"), 100));
  }
  const digest::Digest digest = sha256_of(body);
  for (const std::string_view expected :
       {std::string_view(version), head.headers.find("Docker-Content-Digest").value_or("")}) {
    const auto wanted = digest::Digest::parse(expected);
    if (wanted && wanted->algorithm() == digest::Algorithm::sha256 && *wanted != digest) {
      return fmt::format("has digest {} instead of {}", digest.to_string(), wanted->to_string());
    }
  }
  return "";
}

std::string media_type_of(const http::Response& head) {
  return std::string(
      util::trim(util::split(head.headers.find("Content-Type").value_or(""), ';').front()));
}

std::string sender_of(const std::string& host, const http::Response& head) {
  const std::string id = request_id(head);
  return id.empty() ? host : fmt::format("{} (Request ID: {})", host, id);
}

// A signed location of another host that is too old, or was never good.
bool is_stale_location(const RegistryAnswer& answer) {
  return answer.left_registry && means_stale(answer.response.status);
}

}  // namespace

struct RegistryClient::Question {
  http::Url url;
  std::string accept = {};
  AnswerSink& sink;
  Attempts& attempts;
  // What is still missing, when an attempt begins.
  std::function<std::optional<util::ByteRange>()> range = [] { return std::nullopt; };
};

RegistryClient::RegistryClient(const Connection& connection, const ImageReference& image,
                               RegistryCredentials credentials, Explain explain)
    : m_connection(connection),
      m_image(image),
      m_auth(connection, image, std::move(credentials)),
      m_explain(std::move(explain)) {}

// Until there is an answer; throws when there will be none.
RegistryAnswer RegistryClient::ask(Question& question, const std::stop_token& stop) {
  Attempts& attempts = question.attempts;
  bool looked_twice = false;
  while (true) {
    RegistryAnswer answer = attempt(question, stop);
    attempts.check(stop);
    const auto verdict = http::classify(answer.response);
    if (answer.had_enough || (verdict == http::Verdict::success && answer.problem.empty())) {
      return answer;
    }
    const bool refused = answer.response.status == 401 && !answer.left_registry;
    if (refused && !looked_twice) {
      looked_twice = true;
      m_auth.forget();
      m_connection.clock.sleep_until(m_connection.clock.steady_now() + k_second_look, stop);
      continue;
    }
    const bool final = (verdict == http::Verdict::fatal && !is_stale_location(answer)) || refused;
    const std::string cause =
        answer.response.error ? answer.response.error->message
                              : (answer.problem.empty() ? server_words(answer.response, answer.body)
                                                        : answer.problem);
    if (final || !attempts.again(answer.response, m_auth.without_secrets(cause), stop)) {
      throw m_explain(answer, final ? 1 : attempts.failed());
    }
  }
}

RegistryAnswer RegistryClient::attempt(const Question& question, const std::stop_token& stop) {
  http::RedirectChain chain(question.url);
  bool authenticated = false;
  while (true) {
    http::Request request{.url = chain.current(), .range = question.range()};
    if (!question.accept.empty()) {
      request.headers.add("Accept", question.accept);
    }
    if (!chain.left_origin() && !m_auth.header().empty()) {
      request.headers.add("Authorization", m_auth.header());
    }
    m_asked_host = chain.current().host();
    RegistryAnswer answer{.url = chain.current(),
                          .response = m_connection.client.send(request, question.sink, stop),
                          .left_registry = chain.left_origin()};
    answer.body = question.sink.error_body();
    answer.problem = question.sink.problem();
    answer.had_enough = question.sink.had_enough();
    if (answer.response.status == 401 && !chain.left_origin() && !authenticated) {
      authenticated = true;
      auto refusal = m_auth.satisfy(chain.current(), answer.response, stop);
      if (!refusal) {
        chain = http::RedirectChain(question.url);
        continue;
      }
      if (refusal->by_token_server) {
        answer = {.url = refusal->url,
                  .response = std::move(refusal->response),
                  .body = std::move(refusal->body),
                  .by_token_server = true};
      }
      answer.problem = std::move(refusal->problem);
      return answer;
    }
    if (http::classify(answer.response) != http::Verdict::redirect) {
      const int status = answer.response.status;
      if ((status == 401 || status == 403) && !chain.left_origin()) {
        answer.problem = m_auth.withheld();
      }
      return answer;
    }
    if (!chain.follow(answer.response)) {
      answer.problem = chain.problem();
      return answer;
    }
  }
}

bool RegistryClient::is_worth_another_try(int tried, const std::string& problem,
                                          const std::stop_token& stop) {
  if (tried >= k_content_tries) {
    return false;
  }
  m_connection.log.warning("registry_retry",
                           fmt::format("asking {} again, try {} of {} failed: {}", m_image.host(),
                                       tried, k_content_tries, problem));
  Attempts(m_connection, "asking " + m_image.host()).check(stop);
  return true;
}

RegistryAnswer RegistryClient::fetch_manifest(const std::string& version, std::string& body,
                                              const std::stop_token& stop) {
  AnswerSink sink(
      [&](const http::Response& head) {
        body.clear();
        m_sender = sender_of(m_asked_host, head);
        return std::string();
      },
      [&](std::span<const std::byte> data) {
        append(body, data);
        return body.size() <= k_max_manifest_bytes;
      });
  Attempts attempts(m_connection,
                    fmt::format("asking {} for {}", m_image.host(), m_image.to_string()));
  Question question{.url = m_image.registry.with_path(
                        fmt::format("/v2/{}/manifests/{}", m_image.repository, version)),
                    .accept = std::string(k_manifest_types),
                    .sink = sink,
                    .attempts = attempts};
  return ask(question, stop);
}

RegistryManifest RegistryClient::get_manifest(const std::string& version,
                                              const std::stop_token& stop) {
  for (int tried = 1;; ++tried) {
    std::string body;
    const RegistryAnswer answer = fetch_manifest(version, body, stop);
    if (answer.had_enough) {
      throw util::Error(util::ErrorKind::content_mismatch,
                        fmt::format("{}: the manifest that {} sends is larger than 4 MiB",
                                    m_image.to_string(), m_sender));
    }
    const std::string problem = manifest_problem(answer.response, body, version);
    if (problem.empty()) {
      const digest::Digest digest = sha256_of(body);
      return {
          .body = std::move(body), .media_type = media_type_of(answer.response), .digest = digest};
    }
    const std::string what =
        fmt::format("{}: the manifest that {} sent {}", m_image.to_string(), m_sender, problem);
    if (!is_worth_another_try(tried, what, stop)) {
      throw util::Error(
          is_object(body) ? util::ErrorKind::content_mismatch : util::ErrorKind::temporary, what);
    }
  }
}

std::string RegistryClient::get_blob(const Blob& blob, std::size_t max_bytes,
                                     const std::stop_token& stop) {
  const std::string name = fmt::format("{}: blob {}", m_image.to_string(), blob.digest.to_string());
  if (blob.size > max_bytes) {
    throw util::Error(util::ErrorKind::content_mismatch,
                      fmt::format("{} has {} bytes, more than makes sense", name, blob.size));
  }
  for (int tried = 1;; ++tried) {
    std::string body;
    stream_blob(
        blob,
        [&](std::span<const std::byte> data) {
          append(body, data);
          return true;
        },
        stop);
    const digest::Digest digest = sha256_of(body);
    if (body.size() == blob.size && digest == blob.digest) {
      return body;
    }
    const std::string what =
        fmt::format("{}, as {} sent it, has digest {} and {} of {} bytes", name, m_sender,
                    digest.to_string(), body.size(), blob.size);
    if (!is_worth_another_try(tried, what, stop)) {
      throw util::Error(util::ErrorKind::content_mismatch, what);
    }
  }
}

bool RegistryClient::stream_blob(const Blob& blob, const Take& take, const std::stop_token& stop) {
  std::uint64_t position = 0;
  std::uint64_t counted = 0;  // up to here it was progress
  std::uint64_t known = 0;    // of an answer that begins anew, what was handed on before
  bool wanted = true;
  Attempts attempts(m_connection, fmt::format("reading a part of {}", m_image.to_string()));
  AnswerSink sink(
      [&](const http::Response& head) {
        m_sender = sender_of(m_asked_host, head);
        known = head.status == 200 ? position : 0;
        return range_problem(head, blob, position);
      },
      [&](std::span<const std::byte> data) {
        const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(data.size(), known));
        known -= skipped;
        data = data.subspan(skipped);
        if (data.empty()) {
          return true;
        }
        const auto rest =
            static_cast<std::size_t>(std::min<std::uint64_t>(data.size(), blob.size - position));
        position += rest;
        if (position - counted >= k_progress_bytes) {
          attempts.progressed();
          counted = position;
        }
        wanted = take(data.first(rest)) && rest == data.size();
        return wanted;
      });
  Question question{.url = m_image.registry.with_path(fmt::format(
                        "/v2/{}/blobs/{}", m_image.repository, blob.digest.to_string())),
                    .sink = sink,
                    .attempts = attempts,
                    .range = [&]() -> std::optional<util::ByteRange> {
                      return position == 0
                                 ? std::nullopt
                                 : std::optional(util::ByteRange{position, blob.size - position});
                    }};
  while (wanted && position < blob.size) {
    const RegistryAnswer answer = ask(question, stop);
    const bool early = wanted && position < blob.size;
    if (early && !attempts.again(answer.response, "the answer ended early", stop)) {
      throw m_explain(answer, attempts.failed());
    }
  }
  return position == blob.size;
}

}  // namespace nai::source
