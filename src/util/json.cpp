// SPDX-License-Identifier: Apache-2.0
#include <nai/util/json.hpp>

#include <nlohmann/json.hpp>

namespace nai::util {

namespace {

constexpr int k_max_depth = 64;

}  // namespace

std::optional<nlohmann::json> parse_json(std::string_view text, std::string* problem) {
  bool too_deep = false;
  const auto limit_depth = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    too_deep = too_deep || depth > k_max_depth;
    return !too_deep;
  };
  std::string why;
  try {
    nlohmann::json value = nlohmann::json::parse(text, limit_depth);
    if (!too_deep && !value.is_discarded()) {
      return value;
    }
  } catch (const nlohmann::json::exception& error) {
    why = text.empty() ? "it is empty" : error.what();
  }
  if (too_deep) {
    why = "nested too deeply";
  }
  if (problem != nullptr) {
    *problem = why;
  }
  return std::nullopt;
}

std::optional<std::string> string_member(const nlohmann::json& object, std::string_view name) {
  const nlohmann::json* value = member(object, name);
  if (value == nullptr || !value->is_string()) {
    return std::nullopt;
  }
  return value->get<std::string>();
}

std::optional<std::uint64_t> unsigned_member(const nlohmann::json& object, std::string_view name) {
  const nlohmann::json* value = member(object, name);
  if (value == nullptr || !value->is_number_unsigned()) {
    return std::nullopt;
  }
  return value->get<std::uint64_t>();
}

const nlohmann::json* member(const nlohmann::json& object, std::string_view name) {
  if (!object.is_object()) {
    return nullptr;
  }
  const auto found = object.find(std::string(name));
  return found == object.end() ? nullptr : &*found;
}

}  // namespace nai::util
