// Grammar -> text, for people and for tests of the passes.
#include <cstdio>
#include <set>

#include "ir.hpp"

namespace tamis {
namespace {

std::string printed_code_point(std::uint32_t code_point) {
  char buffer[16];
  if (code_point > 0x20 && code_point < 0x7F && code_point != '\\' && code_point != ']' && code_point != '-' &&
      code_point != '"' && code_point != '[') {
    return std::string(1, static_cast<char>(code_point));
  }
  std::snprintf(buffer, sizeof buffer, code_point > 0xFF ? "\\u{%X}" : "\\x%02X", code_point);
  return buffer;
}

std::string printed_chars(const CharSet& set, Codec codec) {
  const char* prefix = codec == Codec::kBytes ? "" : codec == Codec::kUtf8 ? "u" : "j";
  if (set.size() == 1 && set[0].first == set[0].second) {
    return std::string(prefix) + '"' + printed_code_point(set[0].first) + '"';
  }
  std::string out = std::string(prefix) + "[";
  for (const auto& [low, high] : set) {
    out += printed_code_point(low);
    if (high > low) out += (high > low + 1 ? "-" : "") + printed_code_point(high);
  }
  return out + "]";
}

constexpr int kPrintedDepth = 500;

// Binding strength: 0 alternation, 1 intersection, 2 sequence, 3 postfix and atoms.
std::string print(const Grammar& grammar, NodeId id, int context, int depth = 0) {
  if (depth > kPrintedDepth) return "...";
  const Node& node = grammar[id];
  std::string out;
  int strength = 3;
  switch (node.kind) {
    case NodeKind::kNothing:
      return "∅";
    case NodeKind::kEmpty:
      return "ε";
    case NodeKind::kChars:
      return printed_chars(grammar.char_set(node.a), static_cast<Codec>(node.b));
    case NodeKind::kRule:
      return grammar.rules[node.a].name;
    case NodeKind::kSeq:
      strength = 2;
      for (NodeId rest = id;; rest = grammar[rest].b) {
        if (grammar[rest].kind != NodeKind::kSeq) {
          out += print(grammar, rest, 2, depth + 1);
          break;
        }
        out += print(grammar, grammar[rest].a, 3, depth + 1) + " ";
      }
      break;
    case NodeKind::kAlt:
    case NodeKind::kIntersect: {
      strength = node.kind == NodeKind::kAlt ? 0 : 1;
      for (const NodeId child : grammar.children(id)) {
        if (!out.empty()) out += node.kind == NodeKind::kAlt ? " | " : " & ";
        out += print(grammar, child, strength + 1, depth + 1);
      }
      break;
    }
    case NodeKind::kMachine:
      return "machine " + std::to_string(node.a);
    case NodeKind::kComplement:
      return "!" + print(grammar, node.a, 3, depth + 1);
    case NodeKind::kRepeat:
      out = print(grammar, node.a, 3, depth + 1);
      if (node.max < 0 && node.min < 2) return out + (node.min == 0 ? "*" : "+");
      out += "{" + std::to_string(node.min);
      if (node.max != node.min) out += "," + (node.max < 0 ? std::string() : std::to_string(node.max));
      return out + "}";
  }
  return strength < context ? "(" + out + ")" : out;
}

}  // namespace

std::string to_text(const Grammar& grammar, NodeId node) { return print(grammar, node, 0); }

std::string to_text(const Grammar& grammar) {
  std::string out = "start ::= " + print(grammar, grammar.start, 0) + "\n";
  std::set<NodeId> seen_nodes;
  std::set<RuleId> seen_rules;
  std::vector<NodeId> todo = {grammar.start};
  while (!todo.empty()) {
    const NodeId id = todo.back();
    todo.pop_back();
    if (!seen_nodes.insert(id).second) continue;
    if (grammar[id].kind == NodeKind::kRule) {
      if (seen_rules.insert(grammar[id].a).second) todo.push_back(grammar.rules[grammar[id].a].body);
      continue;
    }
    for (const NodeId child : grammar.children(id)) todo.push_back(child);
  }
  for (const RuleId rule : seen_rules) {
    out += grammar.rules[rule].name + " ::= " + print(grammar, grammar.rules[rule].body, 0) + "\n";
  }
  return out;
}

}  // namespace tamis
