// unevaluatedProperties and unevaluatedItems, key by key: a member is allowed if it satisfies their schema or if some
// subschema that holds has looked at its key.  Polynomial where telling all combinations of branches apart is not.
#pragma once

#include <optional>
#include <vector>

#include "normalise.hpp"

namespace tamis::schema {

class Unevaluated {
 public:
  explicit Unevaluated(Normaliser& normaliser)
      : normaliser_(normaliser), document_(normaliser.document_), forms_(normaliser.forms_) {}

  // The form of a subschema with unevaluated* keywords.  Throws NotExpressible where too many patterns meet.
  Form form(Subschema& subschema);

 private:
  // What some subschema looks at, provided that the value satisfies `when`.
  struct Look {
    GoalId when;
    bool all_keys = false;
    Keys keys;
    std::int64_t items = 0;          // leading ones; -1: all
    std::optional<GoalId> matching;  // items that satisfy this
  };

  void collect(Subschema& subschema, GoalId when);
  void collect_goal(GoalId goal, GoalId when);
  Form keys_looked_at(GoalId goal);
  Form items_looked_at(GoalId goal);
  Form some_of(const std::vector<GoalId>& goals);

  Normaliser& normaliser_;
  Document& document_;
  Forms& forms_;
  std::vector<Look> looks_;
};

}  // namespace tamis::schema
