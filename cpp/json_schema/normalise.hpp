// Schema to canonical form: keywords side by side hold together, applicators in place are set operations on forms.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "assertions.hpp"
#include "forms.hpp"
#include "patterns.hpp"

namespace tamis::schema {

// Works out and keeps the forms of goals.
class Normaliser final : public Oracle {
 public:
  Normaliser(Document& document, Patterns& patterns, bool assert_formats);

  // The canonical form of a goal.  Throws SchemaError for what cannot be expressed.
  Form form(GoalId goal);

  bool is_empty(GoalId goal) override;
  bool matches(AtomId atom, StringId text) override;
  bool no_strings(const StringShape& shape) override;
  AtomId atom_of(StringUnion shapes) override { return patterns_.union_of(shapes); }
  const StringPool& strings() const override { return patterns_.strings; }
  Document& document() override { return document_; }

  Patterns& patterns() { return patterns_; }
  Forms& forms() { return forms_; }

  // Where subschemas were found that admit no value.
  std::vector<std::string> contradictions;

 private:
  friend class Unevaluated;
  // Whether what was evaluated matters: below a subschema with unevaluated*, in place.
  enum Mode : std::uint8_t { kPlain, kTracked };

  Form worked_out(GoalId goal, Mode mode);
  Form of_subschema(Subschema& subschema, Mode mode);
  Form computed(Subschema& subschema, Mode mode);
  Form in_place(Subschema& subschema, Form form, Mode mode);
  Form any_of(const std::vector<Form>& parts, Mode mode);
  Form condition(Subschema& subschema, Mode mode);
  Form dependency(Subschema& subschema, Keyword keyword, const Member& member, Mode mode);
  Form with_unevaluated(Subschema& subschema);
  std::vector<Form> parts(Subschema& subschema, Keyword keyword, Mode mode);
  template <typename Other>
  void both(Subschema& subschema, Keyword keyword, Form& form, Mode mode, Other other);

  Document& document_;
  Patterns& patterns_;
  Forms forms_;
  Assertions assertions_;
  std::deque<std::optional<Form>> goals_[2];
  std::deque<std::optional<Form>> schemas_[2];
  std::unordered_set<std::int32_t> active_[2];
  std::vector<std::int8_t> empty_;  // per goal: unknown, no, yes
  std::unordered_set<GoalId> asked_;
  std::vector<std::pair<StringShape, bool>> void_;
  int depth_ = 0;
};

}  // namespace tamis::schema
