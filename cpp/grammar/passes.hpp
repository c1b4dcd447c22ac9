// Named grammar -> grammar passes.  Only the language counts (no parse tree is ever built), so they rewrite freely.
#pragma once

#include <memory>
#include <vector>

#include "analysis.hpp"
#include "ir.hpp"

namespace tamis {

struct Pass {
  const char* name;
  bool (*needed)(const Grammar&);
  void (*run)(Grammar&);
};

// In the order in which the compiler runs them.  Afterwards: only recursive rules occur in intersections and
// complements, every rule derives some string and no empty one, and no rule derives itself in its leftmost position.
const std::vector<Pass>& passes();

// The grammar after the passes that it needs, itself where it needs none.  Throws CompileError.
std::shared_ptr<const Grammar> normalised(std::shared_ptr<const Grammar> grammar);

// Replaces references to rules inside intersections and complements by the rules' bodies, where these are regular.
void expand_booleans(Grammar& grammar);

// Drops rules that derive no string.  Throws EmptyLanguageError where the start derives no string.
void prune(Grammar& grammar);

// Makes every rule derive non-empty strings only; references to a nullable rule become optional.
void remove_nullable_rules(Grammar& grammar);

// Rewrites left-recursive rules into loops: A = A x | y becomes A = y x*.
void remove_left_recursion(Grammar& grammar);

// Drops combinations that are known to have no member, and what is barren without them.
void remove_empty_combinations(Grammar& grammar, const std::vector<NodeId>& empty);

// Throws CompileError where a rule that the start leads to is not defined.
void check_defined(const Grammar& grammar);

// Throws CompileError where a rule begins with itself inside an intersection or complement.
void check_booleans(const Grammar& grammar);

}  // namespace tamis
