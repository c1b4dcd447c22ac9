// Named grammar -> grammar passes.  Only the language counts (no parse tree is ever built), so they rewrite freely.
#pragma once

#include <vector>

#include "ir.hpp"

namespace tamis {

struct Pass {
  const char* name;
  void (*run)(Grammar&);
};

// In the order in which the compiler runs them.  Afterwards: only recursive rules occur in intersections and
// complements, every rule derives some string and no empty one, and no rule derives itself in its leftmost position.
const std::vector<Pass>& passes();

// Replaces references to rules inside intersections and complements by the rules' bodies, where these are regular.
void expand_booleans(Grammar& grammar);

// Drops rules that derive no string.  Throws CompileError where a rule is used but not defined, or the start derives
// no string.
void prune(Grammar& grammar);

// Makes every rule derive non-empty strings only; references to a nullable rule become optional.
void remove_nullable_rules(Grammar& grammar);

// Rewrites left-recursive rules into loops: A = A x | y becomes A = y x*.
void remove_left_recursion(Grammar& grammar);

// Throws CompileError where a rule begins with itself inside an intersection or complement.
void check_booleans(Grammar& grammar);

// Nodes reachable from root without following references, ascending (children before parents).
std::vector<NodeId> reachable_nodes(const Grammar& grammar, NodeId root);

// Rules that the start leads to.
std::vector<RuleId> reachable_rules(const Grammar& grammar);

// Whether each node derives the empty string, given which rules do.
std::vector<bool> nullable_nodes(const Grammar& grammar, const std::vector<bool>& nullable_rules);

// Rules that a node may call before it consumes anything; nullable is that of nullable_nodes.  Operands of
// intersections and complements call on their own account, and count only if asked for.
std::vector<RuleId> left_corners(const Grammar& grammar, NodeId root, const std::vector<bool>& nullable,
                                 bool through_booleans = false);

// Strongly connected components of a graph over 0..n-1, successors' components first (Tarjan 1972).
std::vector<std::vector<std::uint32_t>> strong_components(const std::vector<std::vector<std::uint32_t>>& successors);

}  // namespace tamis
