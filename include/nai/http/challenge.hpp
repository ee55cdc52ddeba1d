// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nai::http {

class Headers;

// One way in which a server wants requests authenticated.
struct Challenge {
  std::string scheme;                             // lower case: "bearer", "basic"
  std::map<std::string, std::string> parameters;  // names in lower case

  [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const;
};

// The challenges of one WWW-Authenticate field, in order; whatever cannot be read ends the list.
[[nodiscard]] std::vector<Challenge> parse_challenges(std::string_view field);

// The first of that scheme among all WWW-Authenticate fields.
[[nodiscard]] std::optional<Challenge> find_challenge(const Headers& headers,
                                                      std::string_view scheme);

// "Basic dXNlcjpwYXNzd29yZA==": the value of an Authorization field.
[[nodiscard]] std::string basic_authorization(std::string_view user, std::string_view password);

}  // namespace nai::http
