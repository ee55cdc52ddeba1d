// SPDX-License-Identifier: Apache-2.0
#include "app/refused_credential.hpp"

#include <fmt/format.h>

namespace nai::app {

namespace {

constexpr std::string_view k_user_variable = "REGISTRY_USERNAME";
constexpr std::string_view k_password_variable = "REGISTRY_PASSWORD";
// What only the Hub's and NGC's refusals say.
constexpr std::string_view k_hub_begin = "Token unauthorized to access Hugging Face";
constexpr std::string_view k_ngc_words = "(NGC said: ";
constexpr std::string_view k_ngc_exchange = " refused the NGC key for ";

struct Refused {
  std::string_view variable;
  std::string_view noun;
  std::string_view whom;  // " to NGC", where others may have got another one
  const Credential& credential;
  bool of_registry_user = false;
};

Refused refused_credential(const Config& config, std::string_view refusal) {
  const bool nim = config.provider == Provider::nim;
  if (!nim || refusal.starts_with(k_hub_begin)) {
    return {.variable = "HF_TOKEN",
            .noun = "token",
            .whom = nim ? " to the Hub" : "",
            .credential = config.hub_token};
  }
  const bool other_user = has_registry_user(config);
  const bool by_ngc = refusal.find(k_ngc_words) != std::string_view::npos ||
                      refusal.find(k_ngc_exchange) != std::string_view::npos;
  if (other_user && !by_ngc) {
    return {.variable = k_password_variable,
            .noun = "password",
            .whom = "",
            .credential = config.registry_password,
            .of_registry_user = true};
  }
  return {.variable = "NGC_API_KEY",
          .noun = "key",
          .whom = other_user ? " to NGC" : "",
          .credential = config.ngc_key};
}

// Of user and password the one that is not set; empty when both are.
std::string_view missing_half(const Config& config) {
  if (config.registry_user.empty()) {
    return k_user_variable;
  }
  return config.registry_password.value.empty() ? k_password_variable : "";
}

std::string_view other_half(std::string_view variable) {
  return variable == k_user_variable ? k_password_variable : k_user_variable;
}

std::string remedy_of_registry_user(const Config& config) {
  const std::string_view missing = missing_half(config);
  if (!missing.empty()) {
    return fmt::format("set {} too, which goes with {}", missing, other_half(missing));
  }
  return fmt::format(
      "check the user name and the password (those from {} and {}), and that this user may read "
      "the image",
      k_user_variable, config.registry_password.origin);
}

// Empty when it was there.
std::string why_not_sent(const Config& config, const Refused& refused) {
  if (refused.of_registry_user) {
    const std::string_view half = missing_half(config);
    return half.empty() ? std::string()
                        : fmt::format("{} is not set, which goes with {}", half, other_half(half));
  }
  return refused.credential.value.empty()
             ? fmt::format("no {} was sent, because {} is not set", refused.noun, refused.variable)
             : std::string();
}

}  // namespace

bool has_registry_user(const Config& config) {
  return config.provider == Provider::nim &&
         (!config.registry_user.empty() || !config.registry_password.value.empty());
}

std::string remedy_of_refusal(const Config& config, std::string_view refusal) {
  const Refused refused = refused_credential(config, refusal);
  if (refused.of_registry_user) {
    return remedy_of_registry_user(config);
  }
  return refused.credential.value.empty()
             ? fmt::format("set {}; no credential was sent{}", refused.variable, refused.whom)
             : fmt::format(
                   "check that the {} (the one from {}) is valid, was not revoked, and "
                   "that its owner was granted access to the model on its page",
                   refused.noun, refused.credential.origin);
}

std::string missing_credential(const Config& config, std::string_view refusal) {
  const Refused refused = refused_credential(config, refusal);
  std::string text = why_not_sent(config, refused);
  if (!text.empty()) {
    for (const auto& note : refused.credential.notes) {
      text += "; " + note;
    }
  }
  return text;
}

}  // namespace nai::app
