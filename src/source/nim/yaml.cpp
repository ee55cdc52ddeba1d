// SPDX-License-Identifier: Apache-2.0
#include <source/nim/yaml.hpp>

#include <yaml.h>

#include <map>
#include <set>

#include <fmt/format.h>

#include <nai/util/text.hpp>

namespace nai::source {

namespace {

constexpr std::size_t k_max_depth = 64;
constexpr std::size_t k_max_nodes = 4'000'000;

std::string text_of(const yaml_char_t* text) {
  return text == nullptr ? "" : reinterpret_cast<const char*>(text);
}

// libyaml's parser and its current event, released whatever happens.
class Events {
 public:
  explicit Events(std::string_view text) {
    m_ready = yaml_parser_initialize(&m_parser) == 1;
    yaml_parser_set_input_string(&m_parser, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  ~Events() {
    yaml_event_delete(&m_event);
    yaml_parser_delete(&m_parser);
  }
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  // Null at an error.
  const yaml_event_t* next() {
    yaml_event_delete(&m_event);
    m_event = {};
    return m_ready && yaml_parser_parse(&m_parser, &m_event) == 1 ? &m_event : nullptr;
  }
  [[nodiscard]] std::string problem() const {
    return fmt::format("{} in line {}",
                       m_parser.problem == nullptr ? "malformed text" : m_parser.problem,
                       m_parser.problem_mark.line + 1);
  }

 private:
  yaml_parser_t m_parser{};
  yaml_event_t m_event{};
  bool m_ready = false;
};

}  // namespace

const YamlNode* YamlNode::find(std::string_view name) const {
  for (const auto& [key, value] : members) {
    if (key == name) {
      return value;
    }
  }
  return nullptr;
}

std::string YamlNode::text(std::string_view name) const {
  const YamlNode* found = find(name);
  return found == nullptr || found->kind != Kind::scalar || found->is_null() ? "" : found->scalar;
}

bool YamlNode::is_null() const {
  return kind == Kind::scalar && plain &&
         (scalar.empty() || scalar == "~" || util::equals_ignoring_case(scalar, "null"));
}

// Puts the nodes of a document together from events.
class YamlBuilder {
 public:
  explicit YamlBuilder(YamlDocument& document) : m_document(document) {}

  // False when the document is complete, or cannot be; problem() tells which.
  bool take(const yaml_event_t& event) {
    switch (event.type) {
      case YAML_SCALAR_EVENT: {
        YamlNode& node = add(text_of(event.data.scalar.anchor));
        node.scalar.assign(reinterpret_cast<const char*>(event.data.scalar.value),
                           event.data.scalar.length);
        node.plain = event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        attach(&node);
        break;
      }
      case YAML_SEQUENCE_START_EVENT:
        open(YamlNode::Kind::sequence, text_of(event.data.sequence_start.anchor));
        break;
      case YAML_MAPPING_START_EVENT:
        open(YamlNode::Kind::mapping, text_of(event.data.mapping_start.anchor));
        break;
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT:
        close();
        break;
      case YAML_ALIAS_EVENT:
        alias(text_of(event.data.alias.anchor));
        break;
      case YAML_DOCUMENT_END_EVENT:
      case YAML_STREAM_END_EVENT:
        return false;
      default:
        break;
    }
    return m_problem.empty();
  }

  [[nodiscard]] const std::string& problem() const { return m_problem; }

 private:
  struct Open {
    YamlNode* node;
    std::optional<std::string> key;  // of a mapping, once it is read
    bool has_key = false;
  };

  YamlNode& add(const std::string& anchor) {
    if (m_document.m_nodes.size() >= k_max_nodes) {
      m_problem = "it has too many values";
    }
    YamlNode& node = m_document.m_nodes.emplace_back();
    if (!anchor.empty()) {
      m_anchors[anchor] = &node;
    }
    return node;
  }

  void open(YamlNode::Kind kind, const std::string& anchor) {
    YamlNode& node = add(anchor);
    node.kind = kind;
    m_open.push_back({&node, std::nullopt, false});
    if (m_open.size() > k_max_depth) {
      m_problem = "it is nested too deeply";
    }
  }

  void close() {
    YamlNode* node = m_open.back().node;
    m_open.pop_back();
    merge(*node);
    attach(node);
  }

  // "<<: *other" stands for the members of the other, or of several, that the mapping lacks.
  void merge(YamlNode& node) {
    const YamlNode* others = node.find("<<");
    if (others == nullptr) {
      return;
    }
    std::set<std::string_view> names;
    for (const auto& member : node.members) {
      names.insert(member.first);
    }
    std::vector<std::pair<std::string, const YamlNode*>> added;
    for (const YamlNode* other : others->is_sequence() ? others->items : std::vector{others}) {
      for (const auto& member : other->members) {
        if (names.insert(member.first).second) {
          added.push_back(member);
        }
      }
    }
    m_merged += added.size();
    if (m_merged > k_max_nodes) {
      m_problem = "it has too many values";
    }
    node.members.insert(node.members.end(), added.begin(), added.end());
  }

  // An alias to what is still open would make a circle.
  void alias(const std::string& name) {
    const auto found = m_anchors.find(name);
    if (found == m_anchors.end()) {
      m_problem = fmt::format("nothing is called &{}", util::printable(name, 60));
      return;
    }
    for (const Open& open : m_open) {
      if (open.node == found->second) {
        m_problem = "a value contains itself";
        return;
      }
    }
    attach(found->second);
  }

  void attach(const YamlNode* node) {
    if (m_open.empty()) {
      m_document.m_root = node;
      return;
    }
    Open& parent = m_open.back();
    if (parent.node->is_sequence()) {
      parent.node->items.push_back(node);
    } else if (!parent.has_key) {
      parent.has_key = true;
      parent.key =
          node->kind == YamlNode::Kind::scalar ? std::optional(node->scalar) : std::nullopt;
    } else {
      if (parent.key) {
        parent.node->members.emplace_back(*std::move(parent.key), node);
      }
      parent.has_key = false;
      parent.key.reset();
    }
  }

  YamlDocument& m_document;
  std::vector<Open> m_open;
  std::map<std::string, const YamlNode*> m_anchors;
  std::size_t m_merged = 0;
  std::string m_problem;
};

std::optional<YamlDocument> YamlDocument::parse(std::string_view text, std::string& problem) {
  YamlDocument document;
  YamlBuilder builder(document);
  Events events(text);
  while (true) {
    const yaml_event_t* event = events.next();
    if (event == nullptr) {
      problem = events.problem();
      return std::nullopt;
    }
    if (!builder.take(*event)) {
      break;
    }
  }
  problem = builder.problem();
  if (problem.empty() && document.m_root == nullptr) {
    problem = "it is empty";
  }
  return problem.empty() ? std::optional(std::move(document)) : std::nullopt;
}

}  // namespace nai::source
