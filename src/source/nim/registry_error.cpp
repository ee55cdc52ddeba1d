// SPDX-License-Identifier: Apache-2.0
#include <source/nim/registry_error.hpp>

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include <nai/util/text.hpp>

#include <source/hugging_face/hub.hpp>
#include <source/hugging_face/hub_error.hpp>

namespace nai::source {

namespace {

using util::ErrorKind;

constexpr std::size_t k_shown_tags = 5;

// The tags most like the one asked for, for people.
std::string suggestions(const std::vector<std::string>& tags, const std::string& wanted) {
  std::vector<std::string> shown = tags;
  const auto common = [&](const std::string& tag) {
    const auto ends = std::mismatch(tag.begin(), tag.end(), wanted.begin(), wanted.end());
    return ends.first - tag.begin();
  };
  std::stable_sort(shown.begin(), shown.end(), [&](const std::string& a, const std::string& b) {
    return common(a) > common(b);
  });
  std::string text;
  for (std::size_t i = 0; i < std::min(shown.size(), k_shown_tags); ++i) {
    text += (i == 0 ? "" : ", ") + shown[i];
  }
  return text.empty() ? "" : "; NGC lists the tags " + text;
}

class Explanation {
 public:
  Explanation(const RegistryAnswer& answer, int attempts, const FailureContext& context)
      : m_answer(answer),
        m_context(context),
        m_image(context.image.to_string()),
        m_host(context.image.host()),
        m_words(words(answer)),
        m_tries(attempts > 1 ? fmt::format(" after {} tries", attempts) : "") {}

  [[nodiscard]] util::Error error() const {
    if (m_answer.response.error) {
      return unreachable();
    }
    if (m_answer.left_registry && http::classify(m_answer.response) == http::Verdict::fatal &&
        m_answer.response.status != 451) {
      return content_refused();
    }
    switch (m_answer.response.status) {
      case 401:
      case 403:
        return m_answer.problem.empty() ? refused() : not_authenticated();
      case 402:
        return make(
            ErrorKind::unauthorized,
            m_context.anonymous
                ? "this image needs the NGC key of an organisation that has a subscription "
                  "for it; set NGC_API_KEY"
                : "the organisation that the credentials belong to has no subscription for this "
                  "image; NVIDIA AI Enterprise or the NVIDIA developer programme is needed");
      case 404:
        return not_found();
      case 451:
        return make(ErrorKind::unauthorized,
                    "NVIDIA does not provide this image in the region that this cluster's "
                    "internet address belongs to, or to the key's organisation; choose another "
                    "image, or ask NVIDIA");
      default:
        return other();
    }
  }

 private:
  static std::string words(const RegistryAnswer& answer) {
    if (answer.response.error) {
      return answer.response.error->message;
    }
    std::string said =
        answer.response.status == 0 ? "" : server_words(answer.response, answer.body);
    if (!answer.problem.empty()) {
      said += (said.empty() ? "" : "; ") + answer.problem;
    }
    return said;
  }

  // "<image>: <why> (<host> said: <words>)".
  [[nodiscard]] util::Error make(ErrorKind kind, std::string_view why) const {
    return {kind, fmt::format("{}: {} ({} said{}: {})", m_image, why, m_answer.url.host(), m_tries,
                              m_words)};
  }

  [[nodiscard]] util::Error unreachable() const {
    const auto& error = *m_answer.response.error;
    if (m_answer.left_registry) {
      return network_error(fmt::format(
          "{}: {} answers, but {}, where it keeps the content of images, cannot be reached{}: {}{}",
          m_image, m_host, m_answer.url.host(), m_tries, m_words,
          error.failure == http::TransportFailure::tls_untrusted
              ? ""
              : fmt::format("; let the cluster reach {} port {} too, directly or through a proxy "
                            "named in HTTPS_PROXY",
                            m_answer.url.host(), m_answer.url.port())));
    }
    return network_error(fmt::format("{}: {} cannot be reached{}: {}{}", m_image,
                                     m_answer.url.host(), m_tries, m_words,
                                     network_advice(error, m_answer.url)));
  }

  [[nodiscard]] util::Error content_refused() const {
    return {
        ErrorKind::temporary,
        fmt::format("{}: {} refuses its own signed addresses{}: {}; run it again later, or look "
                    "for a proxy that changes requests",
                    m_image, m_answer.url.host(), m_tries, m_words)};
  }

  // The credentials were held back, or the registry did not say what it wants: nothing is known of
  // the key.
  [[nodiscard]] util::Error not_authenticated() const {
    return make(ErrorKind::unauthorized,
                fmt::format("{} asks for credentials in a way that cannot be followed; check the "
                            "host in REPO_ID",
                            m_host));
  }

  // 401 and 403 say the same for a bad key, for missing access and for an image that is not there.
  [[nodiscard]] util::Error refused() const {
    if (m_context.anonymous) {
      return make(ErrorKind::unauthorized,
                  fmt::format("{} gives this image to nobody without a key, or has no such image; "
                              "set NGC_API_KEY, or REGISTRY_USERNAME and REGISTRY_PASSWORD for a "
                              "registry with users of its own",
                              m_host));
    }
    if (m_context.session == nullptr) {
      return make(ErrorKind::unauthorized,
                  fmt::format("{} refuses the user name and password, or has no such image for "
                              "them; check REGISTRY_USERNAME, REGISTRY_PASSWORD and REPO_ID",
                              m_host));
    }
    return key_refused();
  }

  // Its own registry, of whose images NGC knows; a mirror has other names for them.
  [[nodiscard]] bool is_ngc() const {
    const std::string& host = m_context.image.registry.host();
    return host == "nvcr.io" || host == m_context.session->endpoints().api.host();
  }

  // What NGC says of the key and of the image tells which of the three it is.
  [[nodiscard]] util::Error key_refused() const {
    NgcSession& session = *m_context.session;
    if (!is_ngc()) {
      return make(
          ErrorKind::unauthorized,
          fmt::format("{} refuses the NGC key, or has no such image; a mirror with users of "
                      "its own wants REGISTRY_USERNAME and REGISTRY_PASSWORD",
                      m_host));
    }
    const std::string& repository = m_context.image.repository;
    const KeyState key = session.check_key(NgcSession::scope_of(repository), m_context.stop);
    if (key == KeyState::invalid) {
      return make(ErrorKind::unauthorized,
                  "NGC does not know the key, or it has expired; make a new one at "
                  "https://org.ngc.nvidia.com/setup/api-keys");
    }
    const bool right = key == KeyState::valid;
    const ImageFacts facts = session.image_facts(repository, m_context.stop);
    if (facts.state == ImageFacts::State::missing) {
      return make(ErrorKind::not_found, right ? "the NGC key is right, but there is no such image"
                                              : "there is no such image");
    }
    if (!right) {
      return make(ErrorKind::unauthorized,
                  fmt::format("the registry refuses the NGC key for this image, and {} does not "
                              "tell whether the key is right; check NGC_API_KEY, and that the "
                              "cluster reaches {}",
                              session.endpoints().api.host(), session.endpoints().api.host()));
    }
    if (facts.state == ImageFacts::State::exists) {
      return make(ErrorKind::unauthorized,
                  "the image exists and the NGC key is known, but its organisation has no "
                  "access to it; ask for access on the image's page in the NGC catalog");
    }
    return make(ErrorKind::unauthorized,
                "the NGC key is right, but has no access to this image, or there is no such "
                "image: the registry does not tell which; compare REPO_ID with the NGC catalog, "
                "and ask for access there");
  }

  [[nodiscard]] util::Error not_found() const {
    if (m_answer.url.path().find("/blobs/") != std::string::npos) {
      return make(
          ErrorKind::not_found,
          "the registry lacks a part of this image; choose another tag, or ask who runs it");
    }
    ImageFacts facts;
    if (m_context.session != nullptr && is_ngc()) {
      facts = m_context.session->image_facts(m_context.image.repository, m_context.stop);
    }
    const bool unknown_name = m_answer.body.find("NAME_UNKNOWN") != std::string::npos;
    if (facts.state == ImageFacts::State::missing || unknown_name) {
      return make(ErrorKind::not_found,
                  fmt::format("{} has no such image; compare REPO_ID with the catalog", m_host));
    }
    const std::string what =
        m_context.image.digest ? "this digest" : fmt::format("the tag {}", m_context.image.tag);
    return make(ErrorKind::not_found, fmt::format("the image has no version of {}{}", what,
                                                  suggestions(facts.tags, m_context.image.tag)));
  }

  [[nodiscard]] util::Error other() const {
    switch (http::classify(m_answer.response)) {
      case http::Verdict::rate_limited:
        return {ErrorKind::temporary,
                fmt::format("{}: {} limits the rate of requests{}: {}; run it again later", m_image,
                            m_answer.url.host(), m_tries, m_words)};
      case http::Verdict::retry:
        return {ErrorKind::temporary,
                fmt::format("{}: {} is out of order{}: {}; run it again later", m_image,
                            m_answer.url.host(), m_tries, m_words)};
      default:
        return {ErrorKind::temporary,
                fmt::format(
                    "{}: {} does not answer as a registry does{}: {}; check the host in REPO_ID, "
                    "and the proxy variables",
                    m_image, m_answer.url.host(), m_tries, m_words)};
    }
  }

  const RegistryAnswer& m_answer;
  const FailureContext& m_context;
  std::string m_image;
  std::string m_host;
  std::string m_words;
  std::string m_tries;
};

}  // namespace

util::Error registry_error(const RegistryAnswer& answer, int attempts,
                           const FailureContext& context) {
  return Explanation(answer, attempts, context).error();
}

}  // namespace nai::source
