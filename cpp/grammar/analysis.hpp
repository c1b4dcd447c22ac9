// What can be read off a grammar without changing it.  Children come before their parents, so most of these are flat
// loops over node ids.
#pragma once

#include <vector>

#include "ir.hpp"

namespace tamis {

// Which nodes and rules the start leads to.
struct Reach {
  std::vector<bool> nodes;
  std::vector<RuleId> rules;
};
Reach reach(const Grammar& grammar);

// Nodes reachable from root without following references, ascending (children before parents).
std::vector<NodeId> reachable_nodes(const Grammar& grammar, NodeId root);

// Whether each node derives the empty string, given which rules do.
std::vector<bool> nullable_nodes(const Grammar& grammar, const std::vector<bool>& nullable_rules);
std::vector<bool> rules_that_are_nullable(const Grammar& grammar);

// Whether each node derives some string; combinations are taken to.
std::vector<bool> productive_nodes(const Grammar& grammar);

// Rules that a node may call before it consumes anything; nullable is that of nullable_nodes.  Operands of
// intersections and complements call on their own account, and count only if asked for.
class LeftCorners {
 public:
  LeftCorners(const Grammar& grammar, const std::vector<bool>& nullable, bool through_booleans = false)
      : grammar_(grammar), nullable_(nullable), through_booleans_(through_booleans), seen_(grammar.size()) {}

  std::vector<RuleId> operator()(NodeId root);

 private:
  const Grammar& grammar_;
  const std::vector<bool>& nullable_;
  bool through_booleans_;
  std::vector<std::uint32_t> seen_;  // per node: the last root that led to it
  std::uint32_t roots_ = 0;
  std::vector<NodeId> todo_;
};

// The left corners of every rule that the start leads to; of the others, none.
std::vector<std::vector<RuleId>> rule_corners(const Grammar& grammar, bool through_booleans = false);

// Whether a vertex of a component reaches itself.
bool is_cycle(const std::vector<std::uint32_t>& component, const std::vector<std::vector<std::uint32_t>>& successors);

// Strongly connected components of a graph over 0..n-1, successors' components first (Tarjan 1972).
std::vector<std::vector<std::uint32_t>> strong_components(const std::vector<std::vector<std::uint32_t>>& successors);

// For each rule, the rules in its body.
std::vector<std::vector<RuleId>> references(const Grammar& grammar);

// What the passes look for, among the nodes that the start leads to.
bool has_rules_in_booleans(const Grammar& grammar);
bool has_barren_nodes(const Grammar& grammar);
bool has_nullable_rules(const Grammar& grammar);  // or repetitions of what may be empty
bool has_left_recursion(const Grammar& grammar);

}  // namespace tamis
