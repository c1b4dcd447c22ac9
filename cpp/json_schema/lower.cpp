#include "lower.hpp"

#include <algorithm>

#include "array_text.hpp"
#include "object_text.hpp"

namespace tamis::schema {
namespace {

// Values nested deeper than this become rules of their own, worked off in turn instead of by recursion.
constexpr std::size_t kMaxOpen = 24;
// Told of a value that many schemas have a say in.
constexpr std::size_t kMaxPointers = 8;

NodeId byte(Grammar& grammar, char c) {
  const auto code = static_cast<std::uint8_t>(c);
  return grammar.chars({{code, code}}, Codec::kBytes);
}

NodeId word(Grammar& grammar, std::string_view letters) {
  NodeId node = Grammar::kEmpty;
  for (auto c = letters.rbegin(); c != letters.rend(); ++c) node = grammar.seq(byte(grammar, *c), node);
  return node;
}

}  // namespace

Punctuation::Punctuation(Grammar& grammar, Whitespace whitespace) : grammar(grammar) {
  blank = Grammar::kEmpty;
  if (whitespace == Whitespace::kAny) {
    blank = grammar.repeat(grammar.chars({{9, 10}, {13, 13}, {32, 32}}, Codec::kBytes), 0, Grammar::kUnbounded);
  } else if (whitespace == Whitespace::kFlexible) {
    const NodeId gap = grammar.chars({{9, 9}, {32, 32}}, Codec::kBytes);
    const NodeId line =
        grammar.seq({grammar.optional(byte(grammar, '\r')), byte(grammar, '\n'), grammar.repeat(gap, 0, 64)});
    blank = grammar.seq(grammar.repeat(gap, 0, 4), grammar.optional(line));
  }
  comma = grammar.seq({blank, byte(grammar, ','), blank});
  colon = grammar.seq({blank, byte(grammar, ':'), blank});
  quote = byte(grammar, '"');
  right_brace = byte(grammar, '}');
  any_string = grammar.repeat(grammar.chars({{0, 0x10FFFF}}, Codec::kJson), 0, Grammar::kUnbounded);
}

NodeId Punctuation::string(NodeId contents) const { return grammar.seq({quote, contents, quote}); }

NodeId Punctuation::member(NodeId key, NodeId value) const { return grammar.seq({string(key), colon, value}); }

NodeId Punctuation::enclosed(char opening, NodeId contents, char closing, bool or_empty) const {
  const NodeId right = this->closing(closing);
  const NodeId full = grammar.seq({this->opening(opening), contents, right});
  return or_empty ? grammar.alt({full, grammar.seq({byte(grammar, opening), right})}) : full;
}

NodeId Punctuation::opening(char bracket) const { return grammar.seq(byte(grammar, bracket), blank); }
NodeId Punctuation::closing(char bracket) const { return grammar.seq(blank, byte(grammar, bracket)); }

Lowering::Lowering(Grammar& grammar, Normaliser& normaliser, Whitespace whitespace, bool labels)
    : grammar(grammar),
      normaliser(normaliser),
      document(normaliser.document()),
      text(grammar, whitespace),
      strings(grammar, normaliser.patterns(), Codec::kJson),
      numbers_(grammar),
      labels_(labels) {}

NodeId Lowering::root(GoalId goal, Order order) {
  const NodeId node = value(goal, order);
  while (!waiting_.empty()) {
    const auto [key, rule] = waiting_.back();
    waiting_.pop_back();
    open_[key] = rule;
    grammar.define(rule, body(key.goal, key.order));
    open_.erase(key);
  }
  return grammar.seq({text.blank, node, text.blank});
}

NodeId Lowering::value(GoalId goal, Order order) {
  if (goal == kNothing) return Grammar::kNothing;
  const Key key{goal, order};
  if (const auto known = nodes_.find(key); known != nodes_.end()) return known->second;
  if (const auto open = open_.find(key); open != open_.end()) {
    if (!open->second) open->second = new_rule(goal);
    return *open->second;
  }
  if (open_.size() >= kMaxOpen) {
    const NodeId rule = new_rule(goal);
    nodes_.emplace(key, rule);
    waiting_.emplace_back(key, rule);
    return rule;
  }
  open_.emplace(key, std::nullopt);
  NodeId node = body(goal, order);
  std::optional<NodeId> rule = open_.at(key);
  open_.erase(key);
  if (!rule && node != Grammar::kNothing && (labels_ || is_shared(goal))) rule = new_rule(goal);
  if (rule) {
    grammar.define(*rule, node);
    node = *rule;
  }
  nodes_.emplace(key, node);
  return node;
}

NodeId Lowering::new_rule(GoalId goal) {
  std::string name = goal == kAnything ? "value" : labels_ ? label(goal) : document.pointer(goal).value_or("");
  const NodeId rule = grammar.rule(name.empty() ? "#" : std::move(name));
  grammar.rules[grammar[rule].a].label = labels_;
  grammar.rules[grammar[rule].a].shared = true;
  return rule;
}

NodeId Lowering::number_rule(const NumberShape& shape) {
  const NodeId node = number(shape);
  if (labels_) return node;
  const auto [known, is_new] = number_rules_.try_emplace(node);
  if (is_new) {
    known->second = grammar.rule("number");
    grammar.rules[grammar[known->second].a].shared = true;
    grammar.define(known->second, node);
  }
  return known->second;
}

// The pointers of all schemas that have a say.
std::string Lowering::label(GoalId goal) {
  std::vector<std::string> pointers;
  for (const Literal literal : document.literals(goal)) {
    if (literal < 0 || pointers.size() == kMaxPointers) continue;
    const std::string pointer = document.of_literal(literal).pointer();
    pointers.push_back(((literal & 1) != 0 ? "not " : "") + (pointer.empty() ? "#" : pointer));
  }
  std::sort(pointers.begin(), pointers.end());
  pointers.erase(std::unique(pointers.begin(), pointers.end()), pointers.end());
  std::string joined;
  for (const std::string& pointer : pointers) joined += (joined.empty() ? "" : " and ") + pointer;
  return joined;
}

bool Lowering::is_shared(GoalId goal) {
  if (goal == kAnything) return true;
  const auto& literals = document.literals(goal);
  const bool shared = std::any_of(literals.begin(), literals.end(),
                                  [&](Literal literal) { return document.of_literal(literal).shared; });
  if (!shared) return false;
  const Form form = normaliser.form(goal);
  return !form.arrays->empty() || !form.objects->empty();
}

NodeId Lowering::body(GoalId goal, Order order) {
  const Form form = normaliser.form(goal);
  const auto at = static_cast<std::size_t>(order);
  std::vector<NodeId> parts;
  if (form.null) parts.push_back(word(grammar, "null"));
  if ((form.booleans & kFalseBit) != 0) parts.push_back(word(grammar, "false"));
  if ((form.booleans & kTrueBit) != 0) parts.push_back(word(grammar, "true"));
  if (form.numbers == Unrestricted<NumberShape>::any()) {
    if (any_number_ == Grammar::kNothing) any_number_ = number_rule(form.numbers->front());
    parts.push_back(any_number_);
  } else {
    for (const NumberShape& shape : *form.numbers) parts.push_back(number_rule(shape));
  }
  if (!form.strings->empty()) {
    std::vector<NodeId> contents;
    for (const StringShape& shape : *form.strings) contents.push_back(strings.contents(shape));
    parts.push_back(text.string(grammar.alt(contents)));
  }
  try {
    if (form.arrays == Unrestricted<ArrayShape>::any()) {
      if (!any_array_[at]) any_array_[at] = array(form.arrays->front(), order);
      parts.push_back(*any_array_[at]);
    } else {
      for (const ArrayShape& shape : *form.arrays) parts.push_back(array(shape, order));
    }
    if (form.objects == Unrestricted<ObjectShape>::any()) {
      if (!any_object_[at]) any_object_[at] = object(form.objects->front(), order);
      parts.push_back(*any_object_[at]);
    } else {
      for (const ObjectShape& shape : *form.objects) parts.push_back(object(shape, order));
    }
  } catch (const NotExpressible& error) {
    throw SchemaError(std::string("the schema of these values is not supported: it would take ") + error.what(),
                      document.pointer(goal).value_or(""), {},
                      "a stricter schema that says the same without it compiles");
  }
  return grammar.alt(parts);
}

NodeId Lowering::array(const ArrayShape& shape, Order order) {
  return also(array_text(*this, shape, order), shape.also);
}

NodeId Lowering::object(const ObjectShape& shape, Order order) {
  return also(object_text(*this, shape, order), shape.also);
}

NodeId Lowering::also(NodeId base, const std::vector<std::pair<ArrayUnion, bool>>& unions) {
  return restricted(base, unions);
}
NodeId Lowering::also(NodeId base, const std::vector<std::pair<ObjectUnion, bool>>& unions) {
  return restricted(base, unions);
}

// What is in `base` and in or not in each of the unions.
template <typename Union>
NodeId Lowering::restricted(NodeId base, const std::vector<std::pair<Union, bool>>& unions) {
  if (unions.empty() || base == Grammar::kNothing) return base;
  std::vector<NodeId> operands = {base};
  bool complements = false;
  for (const auto& [shapes, inside] : unions) {
    const NodeId node = any_of(shapes);
    operands.push_back(inside ? node : grammar.complement(node));
    complements = complements || !inside;
  }
  // Texts stand for values only as far as every operand reads the value in this spelling.
  if (complements) operands.push_back(grammar.machine(plain_text_machine()));
  return grammar.intersect(operands);
}

NodeId Lowering::any_of(ArrayUnion shapes) {
  if (const auto known = unions_.find(shapes); known != unions_.end()) return known->second;
  std::vector<NodeId> parts;
  for (const ArrayShape& shape : *shapes) parts.push_back(array(shape, Order::kAny));
  const NodeId node = grammar.alt(parts);
  unions_.emplace(shapes, node);
  return node;
}

NodeId Lowering::any_of(ObjectUnion shapes) {
  if (const auto known = unions_.find(shapes); known != unions_.end()) return known->second;
  std::vector<NodeId> parts;
  for (const ObjectShape& shape : *shapes) parts.push_back(object(shape, Order::kAny));
  const NodeId node = grammar.alt(parts);
  unions_.emplace(shapes, node);
  return node;
}

NodeId Lowering::keys(KeyDemands demands) {
  for (const auto& [known, node] : machines_) {
    if (known == demands) return node;
  }
  const NodeId node = grammar.machine(keys_machine(demands));
  machines_.emplace_back(std::move(demands), node);
  return node;
}

}  // namespace tamis::schema
