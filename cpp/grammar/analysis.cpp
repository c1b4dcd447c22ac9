#include "analysis.hpp"

#include <algorithm>
#include <unordered_set>

namespace tamis {

Reach reach(const Grammar& grammar) {
  Reach found{std::vector<bool>(grammar.size()), {}};
  std::vector<bool> seen_rules(grammar.rules.size());
  std::vector<NodeId> todo;
  const auto visit = [&](NodeId id) {
    if (found.nodes[id]) return;
    found.nodes[id] = true;
    todo.push_back(id);
  };
  visit(grammar.start);
  while (!todo.empty()) {
    const NodeId id = todo.back();
    todo.pop_back();
    for (const NodeId child : grammar.children(id)) visit(child);
    if (grammar[id].kind == NodeKind::kRule && !seen_rules[grammar[id].a]) {
      seen_rules[grammar[id].a] = true;
      found.rules.push_back(grammar[id].a);
      visit(grammar.rules[grammar[id].a].body);
    }
  }
  return found;
}

std::vector<NodeId> reachable_nodes(const Grammar& grammar, NodeId root) {
  std::vector<NodeId> found = {root};
  std::unordered_set<NodeId> seen = {root};
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const NodeId child : grammar.children(found[i])) {
      if (seen.insert(child).second) found.push_back(child);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<bool> nullable_nodes(const Grammar& grammar, const std::vector<bool>& nullable_rules) {
  std::vector<bool> nullable(grammar.size());
  for (NodeId id = 0; id < grammar.size(); ++id) {
    const Node& node = grammar[id];
    switch (node.kind) {
      case NodeKind::kNothing:
      case NodeKind::kChars:
        break;
      case NodeKind::kEmpty:
        nullable[id] = true;
        break;
      case NodeKind::kRule:
        nullable[id] = nullable_rules[node.a];
        break;
      case NodeKind::kMachine:
        nullable[id] = grammar.machines[node.a]->accepts_empty();
        break;
      case NodeKind::kSeq:
        nullable[id] = nullable[node.a] && nullable[node.b];
        break;
      case NodeKind::kRepeat:
        nullable[id] = node.min == 0 || nullable[node.a];
        break;
      case NodeKind::kComplement:
        nullable[id] = !nullable[node.a];
        break;
      case NodeKind::kAlt:
      case NodeKind::kIntersect: {
        const bool any = node.kind == NodeKind::kAlt;
        nullable[id] = !any;
        for (const NodeId child : grammar.children(id)) {
          if (nullable[child] == any) nullable[id] = any;
        }
        break;
      }
    }
  }
  return nullable;
}

std::vector<bool> rules_that_are_nullable(const Grammar& grammar) {
  std::vector<bool> nullable_rules(grammar.rules.size());
  for (bool changed = true; changed;) {
    changed = false;
    const std::vector<bool> nullable = nullable_nodes(grammar, nullable_rules);
    for (RuleId rule = 0; rule < grammar.rules.size(); ++rule) {
      if (!nullable_rules[rule] && nullable[grammar.rules[rule].body]) nullable_rules[rule] = changed = true;
    }
  }
  return nullable_rules;
}

std::vector<bool> productive_nodes(const Grammar& grammar) {
  std::vector<bool> productive_rules(grammar.rules.size());
  std::vector<bool> productive(grammar.size());
  for (bool changed = true; changed;) {
    changed = false;
    for (NodeId id = 0; id < grammar.size(); ++id) {
      if (productive[id]) continue;
      const Node& node = grammar[id];
      const auto is_productive = [&](NodeId child) { return productive[child]; };
      const auto children = grammar.children(id);
      bool value = true;
      if (node.kind == NodeKind::kNothing) {
        value = false;
      } else if (node.kind == NodeKind::kRule) {
        value = productive_rules[node.a];
      } else if (node.kind == NodeKind::kRepeat) {
        value = node.min == 0 || productive[node.a];
      } else if (node.kind == NodeKind::kAlt) {
        value = std::any_of(children.begin(), children.end(), is_productive);
      } else if (node.kind == NodeKind::kSeq || node.kind == NodeKind::kIntersect) {
        value = std::all_of(children.begin(), children.end(), is_productive);
      }
      productive[id] = value;
    }
    for (RuleId rule = 0; rule < grammar.rules.size(); ++rule) {
      if (!productive_rules[rule] && productive[grammar.rules[rule].body]) productive_rules[rule] = changed = true;
    }
  }
  return productive;
}

std::vector<RuleId> LeftCorners::operator()(NodeId root) {
  std::vector<RuleId> rules;
  ++roots_;
  todo_.push_back(root);
  while (!todo_.empty()) {
    const NodeId id = todo_.back();
    todo_.pop_back();
    if (seen_[id] == roots_) continue;
    seen_[id] = roots_;
    const Node& node = grammar_[id];
    if (node.kind == NodeKind::kRule) rules.push_back(node.a);
    if (node.kind == NodeKind::kSeq) {
      todo_.push_back(node.a);
      if (nullable_[node.a]) todo_.push_back(node.b);
    } else if (through_booleans_ || (node.kind != NodeKind::kIntersect && node.kind != NodeKind::kComplement)) {
      for (const NodeId child : grammar_.children(id)) todo_.push_back(child);
    }
  }
  return rules;
}

std::vector<std::vector<RuleId>> rule_corners(const Grammar& grammar, bool through_booleans) {
  const std::vector<bool> nullable = nullable_nodes(grammar, std::vector<bool>(grammar.rules.size()));
  LeftCorners corners(grammar, nullable, through_booleans);
  std::vector<std::vector<RuleId>> found(grammar.rules.size());
  for (const RuleId rule : reach(grammar).rules) found[rule] = corners(grammar.rules[rule].body);
  return found;
}

bool is_cycle(const std::vector<std::uint32_t>& component, const std::vector<std::vector<std::uint32_t>>& successors) {
  const auto& own = successors[component[0]];
  return component.size() > 1 || std::find(own.begin(), own.end(), component[0]) != own.end();
}

std::vector<std::vector<std::uint32_t>> strong_components(const std::vector<std::vector<std::uint32_t>>& successors) {
  constexpr std::uint32_t kUnseen = 0xFFFFFFFFU;
  const auto n = static_cast<std::uint32_t>(successors.size());
  std::vector<std::uint32_t> index(n, kUnseen);
  std::vector<std::uint32_t> low(n);
  std::vector<bool> on_stack(n);
  std::vector<std::uint32_t> stack;
  std::vector<std::vector<std::uint32_t>> components;
  std::uint32_t next = 0;
  std::vector<std::pair<std::uint32_t, std::size_t>> calls;
  for (std::uint32_t root = 0; root < n; ++root) {
    if (index[root] != kUnseen) continue;
    calls.emplace_back(root, 0);
    while (!calls.empty()) {
      auto& [v, edge] = calls.back();
      if (edge == 0) {
        index[v] = low[v] = next++;
        stack.push_back(v);
        on_stack[v] = true;
      }
      if (edge < successors[v].size()) {
        const std::uint32_t w = successors[v][edge++];
        if (index[w] == kUnseen) {
          calls.emplace_back(w, 0);
        } else if (on_stack[w]) {
          low[v] = std::min(low[v], index[w]);
        }
        continue;
      }
      if (low[v] == index[v]) {
        components.emplace_back();
        std::uint32_t w;
        do {
          w = stack.back();
          stack.pop_back();
          on_stack[w] = false;
          components.back().push_back(w);
        } while (w != v);
      }
      const std::uint32_t done = v;
      calls.pop_back();
      if (!calls.empty()) low[calls.back().first] = std::min(low[calls.back().first], low[done]);
    }
  }
  return components;
}

std::vector<std::vector<RuleId>> references(const Grammar& grammar) {
  std::vector<std::vector<RuleId>> found(grammar.rules.size());
  std::vector<RuleId> seen(grammar.size(), 0xFFFFFFFFU);
  std::vector<NodeId> todo;
  for (RuleId rule = 0; rule < grammar.rules.size(); ++rule) {
    todo.push_back(grammar.rules[rule].body);
    while (!todo.empty()) {
      const NodeId id = todo.back();
      todo.pop_back();
      if (seen[id] == rule) continue;
      seen[id] = rule;
      if (grammar[id].kind == NodeKind::kRule) found[rule].push_back(grammar[id].a);
      for (const NodeId child : grammar.children(id)) todo.push_back(child);
    }
  }
  return found;
}

bool has_rules_in_booleans(const Grammar& grammar) {
  std::vector<bool> has_rule(grammar.size());
  const Reach reached = reach(grammar);
  for (NodeId id = 0; id < grammar.size(); ++id) {
    if (!reached.nodes[id]) continue;
    const auto children = grammar.children(id);
    has_rule[id] = grammar[id].kind == NodeKind::kRule ||
                   std::any_of(children.begin(), children.end(), [&](NodeId child) { return has_rule[child]; });
    if (has_rule[id] && (grammar[id].kind == NodeKind::kIntersect || grammar[id].kind == NodeKind::kComplement)) {
      return true;
    }
  }
  return false;
}

bool has_barren_nodes(const Grammar& grammar) {
  const Reach reached = reach(grammar);
  const std::vector<bool> productive = productive_nodes(grammar);
  for (NodeId id = 0; id < grammar.size(); ++id) {
    if (reached.nodes[id] && !productive[id]) return true;
  }
  return false;
}

bool has_nullable_rules(const Grammar& grammar) {
  const std::vector<bool> nullable_rules = rules_that_are_nullable(grammar);
  const std::vector<bool> nullable = nullable_nodes(grammar, nullable_rules);
  const Reach reached = reach(grammar);
  for (const RuleId rule : reached.rules) {
    if (nullable_rules[rule]) return true;
  }
  for (NodeId id = 0; id < grammar.size(); ++id) {
    if (reached.nodes[id] && grammar[id].kind == NodeKind::kRepeat && nullable[grammar[id].a]) return true;
  }
  return false;
}

bool has_left_recursion(const Grammar& grammar) {
  const auto corners = rule_corners(grammar);
  const auto components = strong_components(corners);
  return std::any_of(components.begin(), components.end(),
                     [&](const auto& component) { return is_cycle(component, corners); });
}

}  // namespace tamis
