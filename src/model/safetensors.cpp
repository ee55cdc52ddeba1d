// SPDX-License-Identifier: Apache-2.0
#include <nai/model/safetensors.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "json_text.hpp"

#include <nai/util/text.hpp>

namespace nai::model {

namespace {

using Json = nlohmann::json;

constexpr std::uint64_t k_prefix_bytes = 8;
// The format's own limit.
constexpr std::uint64_t k_max_header_bytes = 100'000'000;
constexpr std::size_t k_longest_tensor_name = 100;

constexpr std::array<std::pair<std::string_view, unsigned>, 22> k_bits{{
    {"BOOL", 8},    {"U8", 8},          {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8},
    {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},
    {"F16", 16},    {"BF16", 16},       {"I32", 32},        {"U32", 32},    {"F32", 32},
    {"I64", 64},    {"U64", 64},        {"F64", 64},        {"C64", 64},    {"F4", 4},
    {"F6_E2M3", 6}, {"F6_E3M2", 6},
}};

struct Range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  friend bool operator<(const Range& a, const Range& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  }
};

// One entry of the header.
struct Tensor {
  std::string name;
  std::optional<std::string> type = {};
  bool has_shape = false;
  bool too_large = false;  // to be counted
  std::uint64_t elements = 1;
  std::vector<std::uint64_t> offsets = {};
};

std::string in_quotes(std::string_view name) {
  return '"' + util::printable(name, k_longest_tensor_name) + '"';
}

std::string problem_of(const Tensor& tensor) {
  const std::string name = in_quotes(tensor.name);
  if (!tensor.type || !tensor.has_shape || tensor.offsets.size() != 2) {
    return fmt::format("tensor {} lacks its type, shape or place", name);
  }
  if (tensor.offsets[0] > tensor.offsets[1]) {
    return fmt::format("tensor {} ends before it begins", name);
  }
  const auto* const known = std::find_if(
      k_bits.begin(), k_bits.end(), [&](const auto& bits) { return bits.first == *tensor.type; });
  if (known == k_bits.end()) {
    return {};  // newer than this program
  }
  std::uint64_t bits = 0;
  if (tensor.too_large || __builtin_mul_overflow(tensor.elements, known->second, &bits) ||
      bits % 8 != 0 || bits / 8 != tensor.offsets[1] - tensor.offsets[0]) {
    return fmt::format("tensor {} has {} bytes, which its type {} and shape do not take", name,
                       tensor.offsets[1] - tensor.offsets[0],
                       util::printable(*tensor.type, k_longest_tensor_name));
  }
  return {};
}

// Takes the header from the parser, piece by piece; stops it at the first thing that is wrong.
class HeaderReader final : public nlohmann::json_sax<Json> {
 public:
  [[nodiscard]] const std::string& problem() const { return m_problem; }
  [[nodiscard]] std::vector<Range>& ranges() { return m_ranges; }

  bool null() override { return take_value(); }
  bool boolean(bool /*value*/) override { return take_value(); }
  bool number_integer(number_integer_t /*value*/) override { return take_value(); }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override {
    return take_value();
  }
  bool binary(binary_t& /*value*/) override { return take_value(); }
  bool number_unsigned(number_unsigned_t value) override {
    if (m_depth != 3 || m_in_metadata) {
      return take_value();
    }
    if (m_key == "shape") {
      m_tensor.too_large = __builtin_mul_overflow(m_tensor.elements, value, &m_tensor.elements) ||
                           m_tensor.too_large;
    } else if (m_key == "data_offsets" && m_tensor.offsets.size() < 3) {
      m_tensor.offsets.push_back(value);
    }
    return true;
  }
  bool string(string_t& value) override {
    if (m_depth == 2 && m_in_metadata) {
      return true;
    }
    if (m_depth == 2 && m_key == "dtype") {
      m_tensor.type = value;
      return true;
    }
    return take_value();
  }
  bool start_object(std::size_t /*elements*/) override {
    if (m_depth >= 2) {
      return refuse(fmt::format("the entry {} has more levels than the format knows", entry()));
    }
    ++m_depth;
    return true;
  }
  bool key(string_t& name) override {
    if (m_depth == 1) {
      m_in_metadata = name == "__metadata__";
      m_tensor = {.name = name};
    } else {
      m_key = name;
    }
    return true;
  }
  bool end_object() override {
    --m_depth;
    if (m_depth == 1 && !m_in_metadata) {
      if (auto problem = problem_of(m_tensor); !problem.empty()) {
        return refuse(std::move(problem));
      }
      m_ranges.push_back({m_tensor.offsets[0], m_tensor.offsets[1]});
    }
    return true;
  }
  bool start_array(std::size_t /*elements*/) override {
    if (m_depth != 2 || m_in_metadata || (m_key != "shape" && m_key != "data_offsets")) {
      return refuse(m_depth == 0
                        ? "the header is no JSON object"
                        : fmt::format("the entry {} is not as the format wants it", entry()));
    }
    m_tensor.has_shape = m_tensor.has_shape || m_key == "shape";
    ++m_depth;
    return true;
  }
  bool end_array() override {
    --m_depth;
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const Json::exception& /*error*/) override {
    return refuse(fmt::format("the header is no valid JSON at byte {}", position));
  }

 private:
  [[nodiscard]] std::string entry() const {
    return m_in_metadata ? "__metadata__" : in_quotes(m_tensor.name);
  }
  // A value where the format has none of its kind. More members of a tensor may come one day.
  bool take_value() {
    if (m_depth == 2 && !m_in_metadata && m_key != "dtype" && m_key != "shape" &&
        m_key != "data_offsets") {
      return true;
    }
    return refuse(m_depth == 0
                      ? "the header is no JSON object"
                      : fmt::format("the entry {} is not as the format wants it", entry()));
  }
  bool refuse(std::string problem) {
    m_problem = std::move(problem);
    return false;
  }

  int m_depth = 0;  // 1: the header, 2: an entry, 3: a list in it
  bool m_in_metadata = false;
  std::string m_key;
  Tensor m_tensor;
  std::vector<Range> m_ranges;
  std::string m_problem;
};

// The tensors must lie behind one another, from the first byte of the data to the last.
std::string coverage_problem(std::vector<Range>& ranges, std::uint64_t data_bytes) {
  std::sort(ranges.begin(), ranges.end());
  std::uint64_t at = 0;
  for (const Range& range : ranges) {
    if (range.begin != at) {
      return fmt::format("its tensors {} at byte {} of the data",
                         range.begin < at ? "overlap" : "leave a gap", std::min(range.begin, at));
    }
    at = range.end;
  }
  if (at != data_bytes) {
    return fmt::format("its tensors take {} bytes, and the file has {}", at, data_bytes);
  }
  return {};
}

}  // namespace

std::string safetensors_problem(const ReadAt& read, std::uint64_t size) {
  std::array<std::byte, k_prefix_bytes> prefix{};
  std::size_t got = 0;
  while (got < prefix.size()) {
    const std::size_t more = read(std::span(prefix).subspan(got), got);
    if (more == 0) {
      return fmt::format("has only {} bytes, too few for a header", got);
    }
    got += more;
  }
  const std::string_view text(reinterpret_cast<const char*>(prefix.data()), prefix.size());
  if (text == "version ") {
    return "is a Git LFS pointer in place of the weights";
  }
  std::uint64_t header_bytes = 0;
  for (std::size_t i = prefix.size(); i-- > 0;) {
    header_bytes = header_bytes << 8U | std::to_integer<std::uint64_t>(prefix[i]);
  }
  if (header_bytes > k_max_header_bytes || size < k_prefix_bytes ||
      header_bytes > size - k_prefix_bytes) {
    return fmt::format(
        "says that its header has {} bytes, which {}", header_bytes,
        header_bytes > k_max_header_bytes ? "the format does not allow" : "is more than there are");
  }
  JsonText header(read, k_prefix_bytes, k_prefix_bytes + header_bytes);
  HeaderReader reader;
  const bool parsed = Json::sax_parse(header.begin(), JsonText::end(), &reader);
  if (header.is_cut()) {
    return {};  // unusual, but no harm to who has the memory
  }
  if (!parsed || !reader.problem().empty()) {
    return reader.problem();
  }
  return coverage_problem(reader.ranges(), size - k_prefix_bytes - header_bytes);
}

}  // namespace nai::model
