// SPDX-License-Identifier: Apache-2.0
#include <source/nim/profile_choice.hpp>

#include <algorithm>
#include <iterator>
#include <optional>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include <nai/util/error.hpp>
#include <nai/util/text.hpp>

namespace nai::source {

namespace {

constexpr std::size_t k_shown_profiles = 12;
constexpr std::size_t k_shortest_id_prefix = 8;

using Candidates = std::vector<const Profile*>;

std::string shown(const Candidates& profiles) {
  std::string text;
  for (std::size_t i = 0; i < std::min(profiles.size(), k_shown_profiles); ++i) {
    text += fmt::format("{}{} ({})", i == 0 ? "" : ", ", profiles[i]->id, profiles[i]->name);
  }
  if (profiles.size() > k_shown_profiles) {
    text += fmt::format(" and {} more", profiles.size() - k_shown_profiles);
  }
  return text;
}

Candidates all_of(const ModelManifest& manifest) {
  Candidates all;
  for (const Profile& profile : manifest.profiles) {
    all.push_back(&profile);
  }
  return all;
}

template <typename Keep>
Candidates only(const Candidates& candidates, const Keep& keep) {
  Candidates kept;
  std::copy_if(candidates.begin(), candidates.end(), std::back_inserter(kept),
               [&](const Profile* profile) { return keep(*profile); });
  return kept;
}

ProfileChoice by_name(const ModelManifest& manifest, const std::string& wanted) {
  const Candidates all = all_of(manifest);
  for (const Profile* profile : all) {
    if (util::equals_ignoring_case(profile->id, wanted)) {
      return {profile, "NIM_MODEL_PROFILE names it"};
    }
  }
  Candidates found = only(all, [&](const Profile& profile) { return profile.has_name(wanted); });
  if (found.empty() && wanted.size() >= k_shortest_id_prefix) {
    found = only(all, [&](const Profile& profile) {
      return util::to_lower(profile.id).starts_with(util::to_lower(wanted));
    });
  }
  if (found.size() == 1) {
    return {found.front(), fmt::format("NIM_MODEL_PROFILE is \"{}\"", wanted)};
  }
  throw util::Error(
      util::ErrorKind::usage,
      found.empty()
          ? fmt::format("NIM_MODEL_PROFILE is \"{}\": the image has no such profile; it has {}",
                        wanted, shown(all))
          : fmt::format("NIM_MODEL_PROFILE is \"{}\", which {} profiles are called; name one by "
                        "its id: {}",
                        wanted, found.size(), shown(found)));
}

bool has_tags(const Profile& profile, const std::map<std::string, std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& tag) {
    std::string value = profile.tag(tag.first);
    if (value.empty() && tag.first.starts_with("feat_")) {
      value = "false";  // a feature that is not spoken of is not there
    }
    return util::equals_ignoring_case(value, tag.second);
  });
}

// What is better comes first: made for the GPU, then generic, then to be built; without LoRA;
// for as many GPUs as there are; for throughput; in bf16.
auto rank(const Profile& profile, const ProfileWishes& wishes) {
  const int kind = profile.is_for_gpu() ? 0 : profile.is_buildable() ? 2 : 1;
  const unsigned wanted = wishes.gpu_count.value_or(1);
  const unsigned unused = wanted - std::min(wanted, profile.gpus());
  const unsigned missing = profile.gpus() - std::min(wanted, profile.gpus());
  const bool generic = kind != 0;
  return std::tuple(kind, profile.has_lora(), missing, unused, profile.tag("profile") == "latency",
                    generic && profile.tag("precision") != "bf16");
}

bool alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// "NVIDIA-H100-NVL" -> "nvidia-h100-nvl"; '_' and ' ' count as '-'.
std::string plain_gpu(std::string_view name) {
  std::string plain = util::to_lower(name);
  std::replace(plain.begin(), plain.end(), '_', '-');
  std::replace(plain.begin(), plain.end(), ' ', '-');
  return plain;
}

// Whether `part` stands in `text` as a word: A10 is not in A100.
bool has_word(const std::string& text, const std::string& part) {
  for (auto at = text.find(part); !part.empty() && at != std::string::npos;
       at = text.find(part, at + 1)) {
    const auto end = at + part.size();
    if ((at == 0 || !alnum(text[at - 1])) && (end == text.size() || !alnum(text[end]))) {
      return true;
    }
  }
  return false;
}

// One step of an expression.
struct Atom {
  enum class Kind { literal, any, not_ahead } kind = Kind::literal;
  std::string text;
  std::size_t least = 1;
  bool many = false;
};

// "(?!text)" behind its bracket.
std::optional<Atom> take_group(std::string_view& expression) {
  const auto end = expression.find(')');
  if (!expression.starts_with("?!") || end == std::string_view::npos) {
    return std::nullopt;
  }
  Atom atom{.kind = Atom::Kind::not_ahead, .text = std::string(expression.substr(2, end - 2))};
  expression.remove_prefix(end + 1);
  return atom;
}

// One step without what says how often; empty when it is not known here.
std::optional<Atom> take_atom(std::string_view& expression) {
  constexpr std::string_view k_special = "[]{}|)*+?^$";
  char c = expression.front();
  expression.remove_prefix(1);
  if (c == '(') {
    return take_group(expression);
  }
  if (c == '.') {
    return Atom{.kind = Atom::Kind::any, .text = {}};
  }
  const bool escaped = c == '\\' && !expression.empty();
  if (escaped) {
    c = expression.front();
    expression.remove_prefix(1);
  }
  if (escaped ? alnum(c) : k_special.find(c) != std::string_view::npos) {
    return std::nullopt;
  }
  return Atom{.text = std::string(1, c)};
}

// Empty when the expression uses what is not known here.
std::optional<std::vector<Atom>> parse_expression(std::string_view expression) {
  constexpr std::string_view k_repetition = "*+?";
  std::vector<Atom> atoms;
  while (!expression.empty()) {
    auto atom = take_atom(expression);
    if (!atom) {
      return std::nullopt;
    }
    if (!expression.empty() && k_repetition.find(expression.front()) != std::string_view::npos) {
      atom->least = expression.front() == '+' ? 1 : 0;
      atom->many = expression.front() != '?';
      expression.remove_prefix(1);
    }
    atoms.push_back(*std::move(atom));
  }
  return atoms;
}

// Every position of the text that may be reached behind each atom: no going back, so time is
// bounded by the product of the lengths.
std::vector<bool> advance(const std::vector<bool>& from, const Atom& atom, std::string_view text) {
  std::vector<bool> reached(from.size(), false);
  for (std::size_t at = 0; at < from.size(); ++at) {
    const bool here = from[at] || (atom.many && reached[at] && at > 0);
    if (atom.kind == Atom::Kind::not_ahead) {
      reached[at] = from[at] && !text.substr(at).starts_with(atom.text);
      continue;
    }
    if (from[at] && atom.least == 0) {
      reached[at] = true;
    }
    const bool fits =
        at < text.size() && (atom.kind == Atom::Kind::any || text[at] == atom.text.front());
    if (here && fits) {
      reached[at + 1] = true;
    }
  }
  return reached;
}

}  // namespace

bool matches_expression(std::string_view expression, std::string_view text) {
  constexpr std::size_t k_longest = 256;
  if (expression.size() > k_longest || text.size() > k_longest) {
    return false;
  }
  const bool from_begin = expression.starts_with('^');
  expression.remove_prefix(from_begin ? 1 : 0);
  const bool to_end = expression.ends_with('$') && !expression.ends_with("\\$");
  expression.remove_suffix(to_end ? 1 : 0);
  const auto atoms = parse_expression(expression);
  if (!atoms) {
    return false;
  }
  std::vector<bool> positions(text.size() + 1, !from_begin);
  positions.front() = true;
  for (const Atom& atom : *atoms) {
    positions = advance(positions, atom, text);
  }
  return to_end ? positions.back()
                : std::find(positions.begin(), positions.end(), true) != positions.end();
}

bool fits_gpu(const Profile& profile, std::string_view product) {
  const std::string wanted = plain_gpu(product);
  const std::string gpu = plain_gpu(profile.tag("gpu"));
  if (has_word(wanted, gpu) || has_word(gpu, wanted)) {
    return true;
  }
  const std::string key = plain_gpu(profile.tag("key"));
  return has_word(key, wanted) || (!key.empty() && has_word(wanted, key)) ||
         (!profile.tag("product_name_regex").empty() &&
          matches_expression(profile.tag("product_name_regex"), product));
}

ProfileChoice choose_profile(const ModelManifest& manifest, const ProfileWishes& wishes) {
  if (!wishes.profile.empty()) {
    return by_name(manifest, wishes.profile);
  }
  if (wishes.tags.empty() && wishes.gpu_product.empty() && !wishes.gpu_count) {
    return {nullptr,
            "none was asked for; name one in NIM_MODEL_PROFILE, or say by GPU_PRODUCT and "
            "GPU_COUNT where the endpoint will run"};
  }
  Candidates left = only(all_of(manifest),
                         [&](const Profile& profile) { return has_tags(profile, wishes.tags); });
  if (left.empty()) {
    throw util::Error(util::ErrorKind::usage,
                      fmt::format("NIM_TAGS_SELECTOR matches no profile; the image has {}",
                                  shown(all_of(manifest))));
  }
  left = only(left, [&](const Profile& profile) {
    return !wishes.gpu_count || profile.gpus() <= *wishes.gpu_count;
  });
  if (left.size() == 1 && !wishes.tags.empty() && wishes.gpu_product.empty()) {
    return {left.front(), "it is the only one that NIM_TAGS_SELECTOR leaves"};
  }
  const std::size_t possible = left.size();
  left = only(left, [&](const Profile& profile) {
    return !profile.is_for_gpu() || fits_gpu(profile, wishes.gpu_product);
  });
  // Where one fits a longer name of the GPU, the others were made for its relatives.
  std::size_t longest = 0;
  for (const Profile* profile : left) {
    longest = std::max(longest, profile->tag("gpu").size());
  }
  left = only(left, [&](const Profile& profile) {
    return profile.tag("gpu").empty() || profile.tag("gpu").size() == longest;
  });
  if (left.empty() && possible > 0 && wishes.gpu_product.empty()) {
    return {nullptr, fmt::format("{} profiles are left, each made for certain GPUs; name one in "
                                 "NIM_MODEL_PROFILE, or the GPU in GPU_PRODUCT",
                                 possible)};
  }
  if (left.empty()) {
    return {nullptr,
            "no profile fits the GPU that GPU_PRODUCT and GPU_COUNT describe; the endpoint "
            "decides when it starts, or name one in NIM_MODEL_PROFILE"};
  }
  std::stable_sort(left.begin(), left.end(), [&](const Profile* a, const Profile* b) {
    return rank(*a, wishes) < rank(*b, wishes);
  });
  const Profile* best = left.front();
  return {
      best,
      best->is_for_gpu()
          ? fmt::format("it was made for this GPU ({})", util::printable(wishes.gpu_product, 60))
          : fmt::format("it runs on any GPU{}",
                        wishes.gpu_product.empty() ? "" : ", and none was made for this one")};
}

}  // namespace nai::source
