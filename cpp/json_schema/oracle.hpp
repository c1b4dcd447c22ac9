// What shapes need from outside to be combined and decided.
#pragma once

#include "document.hpp"
#include "strings.hpp"

namespace tamis::schema {

class Oracle : public StringOracle {
 public:
  // Whether no value satisfies the goal, as far as that can be shown.
  virtual bool is_empty(GoalId goal) = 0;
  virtual Document& document() = 0;

  GoalId both(GoalId first, GoalId second) { return document().conjunction(first, second); }
  GoalId negation(GoalId goal) { return document().negation(goal); }
};

}  // namespace tamis::schema
