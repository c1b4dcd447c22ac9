#include "patterns.hpp"

#include <algorithm>
#include <mutex>

#include "../grammar/passes.hpp"
#include "value.hpp"

namespace tamis::schema {
namespace {

// Memory that deciding whether a set of strings is empty may take.
constexpr std::size_t kScratchBytes = std::size_t{32} << 20;
constexpr std::size_t kScratchStates = 200'000;

// What many schemas of a process share: formats mostly.  Cleared when it is full.
template <typename T>
class SharedCache {
 public:
  std::optional<T> find(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto found = items_.find(key);
    if (found == items_.end()) return std::nullopt;
    return found->second;
  }
  void put(const std::string& key, T item, std::size_t size) {
    const std::lock_guard lock(mutex_);
    if (size > kMaxSize / 16) return;
    if (size_ + size > kMaxSize) {
      items_.clear();
      size_ = 0;
    }
    size_ += size;
    items_.insert_or_assign(key, std::move(item));
  }

 private:
  static constexpr std::size_t kMaxSize = std::size_t{32} << 20;  // in bytes, roughly
  std::mutex mutex_;
  std::size_t size_ = 0;
  std::unordered_map<std::string, T> items_;
};

SharedCache<Fragment>& fragments() {
  static SharedCache<Fragment> cache;
  return cache;
}

SharedCache<std::shared_ptr<const Automaton>>& automata() {
  static SharedCache<std::shared_ptr<const Automaton>> cache;
  return cache;
}

const char* name_of(Patterns::AtomKind kind) { return kind == Patterns::AtomKind::kPattern ? "pattern" : "format"; }

}  // namespace

NodeId import_fragment(Grammar& to, const Fragment& fragment) {
  const Grammar& from = *fragment.grammar;
  std::unordered_map<NodeId, NodeId> mapped;
  std::unordered_map<RuleId, NodeId> rules;
  std::vector<RuleId> open;
  const auto copy = [&](NodeId root) {
    for (const NodeId id : reachable_nodes(from, root)) {
      if (mapped.count(id) != 0) continue;
      const Node& node = from[id];
      const auto children = [&] {
        std::vector<NodeId> made(from.children(id).begin(), from.children(id).end());
        for (NodeId& child : made) child = mapped.at(child);
        return made;
      };
      NodeId made = Grammar::kNothing;
      switch (node.kind) {
        case NodeKind::kNothing:
          break;
        case NodeKind::kEmpty:
          made = Grammar::kEmpty;
          break;
        case NodeKind::kChars:
          made = to.chars(from.char_set(node.a), static_cast<Codec>(node.b));
          break;
        case NodeKind::kSeq:
          made = to.seq(mapped.at(node.a), mapped.at(node.b));
          break;
        case NodeKind::kAlt:
          made = to.alt(children());
          break;
        case NodeKind::kRepeat:
          made = to.repeat(mapped.at(node.a), node.min, node.max);
          break;
        case NodeKind::kIntersect:
          made = to.intersect(children());
          break;
        case NodeKind::kComplement:
          made = to.complement(mapped.at(node.a));
          break;
        case NodeKind::kMachine:
          made = to.machine(from.machines[node.a]);
          break;
        case NodeKind::kRule: {
          const auto [found, inserted] = rules.emplace(node.a, Grammar::kNothing);
          if (inserted) {
            found->second = to.rule(from.rules[node.a].name);
            to.rules[to[found->second].a].label = from.rules[node.a].label;
            open.push_back(node.a);
          }
          made = found->second;
          break;
        }
      }
      mapped.emplace(id, made);
    }
    return mapped.at(root);
  };
  const NodeId root = copy(fragment.root);
  while (!open.empty()) {
    const RuleId rule = open.back();
    open.pop_back();
    const NodeId body = copy(from.rules[rule].body);
    to.define(rules.at(rule), body);
  }
  return root;
}

// Atoms ---------------------------------------------------------------------------------------------------------------

std::optional<Fragment> Patterns::lowered(AtomKind kind, StringId text, Codec codec, const std::string& pointer) {
  std::string key = codec == Codec::kJson ? "j" : "u";
  key += name_of(kind);
  key += strings.text(text);
  if (auto found = fragments().find(key)) return found;
  auto made = lower_(name_of(kind), std::string(strings.text(text)), codec, pointer);
  if (made) fragments().put(key, *made, 512 + made->grammar->size() * 64);
  return made;
}

std::optional<AtomId> Patterns::add(AtomKind kind, StringId text, const std::function<std::string()>& pointer) {
  auto& known = known_[static_cast<std::size_t>(kind)];
  if (const auto found = known.find(text); found != known.end()) return found->second;
  auto fragment = lowered(kind, text, Codec::kJson, pointer());
  if (!fragment) return std::nullopt;
  const auto id = static_cast<AtomId>(atoms_.size());
  atoms_.push_back({kind, text, nullptr});
  fragments_.push_back({std::move(fragment), std::nullopt});
  automata_.emplace_back();
  is_void_.push_back(false);
  known.emplace(text, id);
  return id;
}

AtomId Patterns::pattern(StringId text, const std::function<std::string()>& pointer) {
  return add(AtomKind::kPattern, text, pointer).value();
}

std::optional<AtomId> Patterns::format(StringId name, const std::function<std::string()>& pointer) {
  return add(AtomKind::kFormat, name, pointer);
}

AtomId Patterns::union_of(StringUnion shapes) {
  const auto [found, inserted] = unions_.emplace(shapes, static_cast<AtomId>(atoms_.size()));
  if (inserted) {
    atoms_.push_back({AtomKind::kUnion, -1, shapes});
    fragments_.emplace_back();
    automata_.emplace_back();
    is_void_.push_back(false);
  }
  return found->second;
}

const Fragment& Patterns::fragment(AtomId id, Codec codec) {
  Codecs& known = fragments_[static_cast<std::size_t>(id)];
  auto& fragment = codec == Codec::kJson ? known.json : known.utf8;
  if (!fragment) fragment = lowered(atom(id).kind, atom(id).text, codec, "");
  return fragment.value();
}

bool Patterns::matches(AtomId id, StringId text) {
  const auto key = static_cast<std::uint64_t>(id) << 32 | static_cast<std::uint32_t>(text);
  const auto known = answers_.find(key);
  if (known != answers_.end()) return known->second;
  auto& automaton = automata_[static_cast<std::size_t>(id)];
  if (!automaton && !is_void_[static_cast<std::size_t>(id)]) {
    std::string name = name_of(atom(id).kind);
    name += strings.text(atom(id).text);
    if (auto found = automata().find(name)) {
      automaton = std::move(*found);
    } else {
      const Fragment& meaning = fragment(id, Codec::kUtf8);
      auto grammar = std::make_shared<Grammar>(*meaning.grammar);
      grammar->start = meaning.root;
      try {
        automaton = std::make_shared<const Automaton>(std::move(grammar), Automaton::Limits{});
        automata().put(name, automaton, 4096 + automaton->statistics().memory_bytes * 2);
      } catch (const EmptyLanguageError&) {
        is_void_[static_cast<std::size_t>(id)] = true;
      }
    }
  }
  bool answer = false;
  if (automaton) {
    const StateId end = automaton->advance(automaton->start(), strings.text(text));
    answer = end != Automaton::kDead && automaton->is_complete(end);
  }
  answers_.emplace(key, answer);
  return answer;
}

// Texts ---------------------------------------------------------------------------------------------------------------

StringText::StringText(Grammar& grammar, Patterns& patterns, Codec codec)
    : grammar_(grammar),
      patterns_(patterns),
      codec_(codec),
      any_character_(grammar.chars({{0, 0x10FFFF}}, codec)),
      ascii_(128, Grammar::kNothing) {}

NodeId StringText::character(std::uint32_t code_point) {
  if (code_point >= 128) return grammar_.chars({{code_point, code_point}}, codec_);
  NodeId& node = ascii_[code_point];
  if (node == Grammar::kNothing) node = grammar_.chars({{code_point, code_point}}, codec_);
  return node;
}

NodeId StringText::exactly(StringId text, NodeId tail) {
  const std::vector<std::uint32_t> characters = code_points(patterns_.strings.text(text));
  NodeId node = tail;
  for (auto c = characters.rbegin(); c != characters.rend(); ++c) node = grammar_.seq(character(*c), node);
  return node;
}

NodeId StringText::atom(AtomId id) {
  const auto known = atoms_.find(id);
  if (known != atoms_.end()) return known->second;
  NodeId node = Grammar::kNothing;
  if (patterns_.atom(id).kind == Patterns::AtomKind::kUnion) {
    std::vector<NodeId> parts;
    for (const StringShape& shape : *patterns_.atom(id).shapes) parts.push_back(contents(shape));
    node = grammar_.alt(parts);
  } else {
    node = import_fragment(grammar_, patterns_.fragment(id, codec_));
  }
  atoms_.emplace(id, node);
  return node;
}

NodeId StringText::contents(const StringShape& shape) {
  std::vector<NodeId> parts;
  const auto any_of = [&](const std::vector<StringId>& texts) {
    std::vector<NodeId> nodes;
    for (const StringId text : texts) nodes.push_back(exactly(text));
    return grammar_.alt(nodes);
  };
  if (shape.constants) {
    parts.push_back(any_of(*shape.constants));
  } else {
    const bool positive =
        std::any_of(shape.atoms.begin(), shape.atoms.end(), [](const auto& atom) { return atom.second; });
    if (!positive || shape.min_length > 0 || shape.max_length >= 0) {
      parts.push_back(grammar_.repeat(any_character_, static_cast<std::int32_t>(shape.min_length),
                                      static_cast<std::int32_t>(shape.max_length)));
    }
  }
  for (const auto& [id, holds] : shape.atoms) parts.push_back(holds ? atom(id) : grammar_.complement(atom(id)));
  if (!shape.excluded.empty()) parts.push_back(grammar_.complement(any_of(shape.excluded)));
  return parts.size() == 1 ? parts.front() : grammar_.intersect(parts);
}

bool has_no_strings(const StringShape& shape, Patterns& patterns) {
  auto grammar = std::make_shared<Grammar>();
  grammar->start = StringText(*grammar, patterns, Codec::kUtf8).contents(shape);
  if (grammar->start == Grammar::kNothing) return true;
  try {
    const Automaton automaton(std::move(grammar), {kScratchStates, kScratchBytes});
    return false;
  } catch (const EmptyLanguageError&) {
    return true;
  } catch (const LimitError&) {
    return false;  // the question stays open
  } catch (const CompileError&) {
    return false;
  }
}

}  // namespace tamis::schema
