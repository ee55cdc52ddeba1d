// SPDX-License-Identifier: Apache-2.0
#include <nai/util/json.hpp>

#include <nlohmann/json.hpp>

namespace nai::util {

namespace {

constexpr int k_max_depth = 64;

}  // namespace

std::optional<nlohmann::json> parse_json(std::string_view text, std::string* problem,
                                         std::size_t max_values) {
  using Event = nlohmann::json::parse_event_t;
  bool too_deep = false;
  std::size_t values = 0;
  // Nothing is kept of what is refused here.
  const auto within_limits = [&](int depth, Event event, nlohmann::json&) {
    too_deep = too_deep || depth > k_max_depth;
    values += event == Event::value || event == Event::object_start || event == Event::array_start
                  ? 1U
                  : 0U;
    return !too_deep && values <= max_values;
  };
  std::string why;
  try {
    nlohmann::json value = nlohmann::json::parse(text, within_limits);
    if (!too_deep && values <= max_values && !value.is_discarded()) {
      return value;
    }
  } catch (const nlohmann::json::exception& error) {
    why = text.empty() ? "it is empty" : error.what();
  }
  if (too_deep) {
    why = "nested too deeply";
  } else if (values > max_values) {
    why = "it has too many values";
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
