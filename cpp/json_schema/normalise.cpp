#include "normalise.hpp"

#include <algorithm>

#include "unevaluated.hpp"

namespace tamis::schema {
namespace {

using enum Keyword;

// Branches of an anyOf whose combinations are told apart where unevaluated* asks which branch looked at what.
constexpr std::size_t kMaxTracked = 6;
// How far the emptiness of a value's parts is followed.
constexpr std::size_t kMaxDepth = 24;
// Subschemas in place of subschemas: deeper than this, the call stack is at risk.
constexpr int kMaxRecursion = 600;

// A subschema was met again while its own form is being worked out.
struct Circular {
  const Subschema* subschema;
};

class Nesting {
 public:
  explicit Nesting(int& depth) : depth_(depth) {
    if (++depth_ > kMaxRecursion) {
      --depth_;
      throw SchemaError("the schema is nested too deeply");
    }
  }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;
  ~Nesting() { --depth_; }

 private:
  int& depth_;
};

template <typename Set, typename Item>
class Entered {
 public:
  Entered(Set& set, const Item& item) : set_(set), item_(item) { set_.insert(item); }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;
  ~Entered() { set_.erase(item_); }

 private:
  Set& set_;
  Item item_;
};

bool has(const Subschema& subschema, Keyword keyword) { return subschema[keyword] != nullptr; }

}  // namespace

Normaliser::Normaliser(Document& document, Patterns& patterns, bool assert_formats)
    : document_(document),
      patterns_(patterns),
      forms_(*this),
      assertions_(document, patterns, forms_, *this, assert_formats) {}

Form Normaliser::form(GoalId goal) {
  try {
    return worked_out(goal, kPlain);
  } catch (const Circular& met) {
    throw circular(*met.subschema);
  } catch (const NotExpressible& error) {
    throw error.refusal();
  }
}

Form Normaliser::worked_out(GoalId goal, Mode mode) {
  if (goal == kAnything) return Form::any();
  if (goal == kNothing) return Form{};
  auto& known = goals_[mode];
  if (known.size() < document_.goal_count()) known.resize(document_.goal_count());
  if (const auto& form = known[static_cast<std::size_t>(goal)]) return *form;
  const Nesting nesting(depth_);
  Form form = Form::any();
  for (const Literal literal : document_.literals(goal)) {
    Subschema& subschema = document_.of_literal(literal);
    const bool negated = (literal & 1) != 0;
    const Form part = of_subschema(subschema, negated ? kPlain : mode);
    try {
      form = forms_.intersect(form, negated ? forms_.complement(part) : part, mode == kTracked);
    } catch (NotExpressible& error) {
      if (!error.pointer) {
        error.pointer = subschema.pointer();
        error.keyword = negated ? "not" : "allOf";
      }
      throw;
    }
  }
  goals_[mode][static_cast<std::size_t>(goal)] = form;
  return form;
}

// The oracle of the shapes --------------------------------------------------------------------------------------------

bool Normaliser::is_empty(GoalId goal) {
  if (goal == kAnything || goal == kNothing) return goal == kNothing;
  if (empty_.size() < document_.goal_count()) empty_.resize(document_.goal_count(), -1);
  if (empty_[static_cast<std::size_t>(goal)] >= 0) return empty_[static_cast<std::size_t>(goal)] != 0;
  if (asked_.count(goal) != 0 || asked_.size() > kMaxDepth) return false;
  const Entered asked(asked_, goal);
  bool answer = false;
  try {
    answer = forms_.is_empty(worked_out(goal, kPlain));
  } catch (const Circular&) {
    return false;
  }
  if (empty_.size() < document_.goal_count()) empty_.resize(document_.goal_count(), -1);
  empty_[static_cast<std::size_t>(goal)] = answer ? 1 : 0;
  return answer;
}

bool Normaliser::matches(AtomId atom, StringId text) {
  const Patterns::Atom& meant = patterns_.atom(atom);
  if (meant.kind != Patterns::AtomKind::kUnion) return patterns_.matches(atom, text);
  return std::any_of(meant.shapes->begin(), meant.shapes->end(),
                     [&](const StringShape& shape) { return shape.admits(text, *this); });
}

bool Normaliser::no_strings(const StringShape& shape) {
  for (const auto& [known, answer] : void_) {
    if (known == shape) return answer;
  }
  const bool answer = has_no_strings(shape, patterns_);
  void_.emplace_back(shape, answer);
  return answer;
}

// Subschemas ----------------------------------------------------------------------------------------------------------

Form Normaliser::of_subschema(Subschema& subschema, Mode mode) {
  const auto index = static_cast<std::size_t>(subschema.index);
  auto& known = schemas_[mode];
  if (known.size() <= index) known.resize(index + 1);
  if (const auto& form = known[index]) return *form;
  if (subschema.value->kind == Kind::kFalse) return Form{};
  if (active_[mode].count(subschema.index) != 0) throw Circular{&subschema};
  const Nesting nesting(depth_);
  const Entered active(active_[mode], subschema.index);
  document_.budget.spend(50);
  Form form;
  if (!subschema.alternatives.empty()) {
    std::vector<Form> forms;
    for (const GoalId goal : subschema.alternatives) forms.push_back(worked_out(goal, mode));
    form = forms_.unite(forms, mode == kTracked);
  } else {
    form = computed(subschema, mode);
  }
  if (form.is_none()) contradictions.push_back(subschema.pointer());
  schemas_[mode][index] = form;
  return form;
}

Form Normaliser::computed(Subschema& subschema, Mode mode) {
  const bool asks = has(subschema, kUnevaluatedProperties) || has(subschema, kUnevaluatedItems);
  if (!asks) return in_place(subschema, assertions_.form(subschema, mode == kTracked), mode);
  Form form;
  try {
    form = with_unevaluated(subschema);
  } catch (const NotExpressible&) {
    const bool asks_both = has(subschema, kUnevaluatedProperties) && has(subschema, kUnevaluatedItems);
    if (mode == kTracked && !asks_both) throw;  // what was evaluated of the other kind still matters further up
    // Which branch looked at what multiplies out: say it key by key and item by item instead.
    form = Unevaluated(*this).form(subschema);
  }
  const bool keys = has(subschema, kUnevaluatedProperties) && mode == kTracked;
  const bool items = has(subschema, kUnevaluatedItems) && mode == kTracked;
  std::vector<ObjectShape> objects = *form.objects;
  for (ObjectShape& shape : objects) {
    if (keys || mode == kPlain) shape.evaluated = keys ? nullptr : ObjectShape::no_keys();
  }
  form.objects = forms_.keep(std::move(objects));
  std::vector<ArrayShape> arrays = *form.arrays;
  for (ArrayShape& shape : arrays) {
    if (!items && mode != kPlain) continue;
    shape.evaluated = items ? -1 : 0;
    shape.matched.clear();
  }
  form.arrays = forms_.keep(std::move(arrays));
  return form;
}

// Tells apart which branch looked at what, and then restricts what none did.
Form Normaliser::with_unevaluated(Subschema& subschema) {
  Form form = in_place(subschema, assertions_.form(subschema, true), kTracked);
  if (const Value* schema = subschema[kUnevaluatedProperties]) {
    const GoalId goal = document_.goal(subschema, *schema, kUnevaluatedProperties);
    std::vector<ObjectShape> objects = *form.objects;
    for (ObjectShape& shape : objects) {
      if (shape.evaluated) shape.rules.push_back(std::make_shared<const KeyRules>(*shape.evaluated, goal));
    }
    form.objects = forms_.keep(std::move(objects));
  }
  if (const Value* schema = subschema[kUnevaluatedItems]) {
    const GoalId goal = document_.goal(subschema, *schema, kUnevaluatedItems);
    std::vector<ArrayShape> arrays;
    for (const ArrayShape& shape : *form.arrays) {
      if (shape.evaluated < 0) {
        arrays.push_back(shape);
        continue;
      }
      std::vector<GoalId> alternatives = shape.matched;
      alternatives.push_back(goal);
      ArrayShape others;
      others.prefix.assign(static_cast<std::size_t>(shape.evaluated), kAnything);
      others.rest = document_.any_goal(std::move(alternatives));
      if (auto both = ArrayShape::meet(shape, others, *this)) arrays.push_back(std::move(*both));
    }
    form.arrays = forms_.keep(std::move(arrays));
  }
  return form;
}

template <typename Other>
void Normaliser::both(Subschema& subschema, Keyword keyword, Form& form, Mode mode, Other other) {
  try {
    form = forms_.intersect(form, other(), mode == kTracked);
  } catch (NotExpressible& error) {
    if (!error.pointer) {
      error.pointer = subschema.pointer(keyword);
      error.keyword = std::string(name_of(keyword));
    }
    throw;
  }
}

// Adds what the keywords that apply schemas to the same value say.
Form Normaliser::in_place(Subschema& subschema, Form form, Mode mode) {
  const bool tracked = mode == kTracked;
  static const KeywordSet kApplicators = [] {
    KeywordSet set;
    for (const Keyword keyword : {kRef, kDynamicRef, kRecursiveRef, kAllOf, kAnyOf, kOneOf, kNot, kIf, kDependencies,
                                  kDependentRequired, kDependentSchemas}) {
      set.set(static_cast<std::size_t>(keyword));
    }
    return set;
  }();
  if ((subschema.present & kApplicators).none()) return form;
  for (const Keyword word : {kRef, kDynamicRef, kRecursiveRef}) {
    if (!has(subschema, word)) continue;
    Subschema& target = document_.resolve(subschema, word);
    both(subschema, word, form, mode, [&] { return of_subschema(target, mode); });
  }
  if (has(subschema, kAllOf)) {
    const std::vector<Form> all = parts(subschema, kAllOf, mode);
    for (const Form& part : all) both(subschema, kAllOf, form, mode, [&] { return part; });
  }
  if (has(subschema, kAnyOf)) {
    const std::vector<Form> any = parts(subschema, kAnyOf, mode);
    both(subschema, kAnyOf, form, mode, [&] { return any_of(any, mode); });
  }
  if (has(subschema, kOneOf)) {
    const std::vector<Form> one = parts(subschema, kOneOf, mode);
    const Form within = form;
    both(subschema, kOneOf, form, mode, [&] { return forms_.exactly_one(one, within, tracked); });
  }
  if (const Value* excluded = subschema[kNot]) {
    const GoalId goal = document_.goal(subschema, *excluded, kNot);
    both(subschema, kNot, form, mode, [&] { return forms_.complement(worked_out(goal, kPlain)); });
  }
  if (has(subschema, kIf) && (has(subschema, kThen) || has(subschema, kElse) || tracked)) {
    both(subschema, kIf, form, mode, [&] { return condition(subschema, mode); });
  }
  for (const Keyword word : {kDependencies, kDependentRequired, kDependentSchemas}) {
    const Value* dependencies = subschema[word];
    if (dependencies == nullptr) continue;
    for (const Member& member : dependencies->members()) {
      both(subschema, word, form, mode, [&] { return dependency(subschema, word, member, mode); });
    }
  }
  return form;
}

std::vector<Form> Normaliser::parts(Subschema& subschema, Keyword keyword, Mode mode) {
  std::vector<Form> forms;
  const Value& list = *subschema[keyword];
  forms.reserve(list.count);
  for (std::size_t i = 0; i < list.count; ++i) {
    forms.push_back(worked_out(document_.goal(subschema, list.first_item[i], keyword, i), mode));
  }
  return forms;
}

Form Normaliser::any_of(const std::vector<Form>& parts, Mode mode) {
  if (mode == kPlain || parts.size() == 1) return forms_.unite(parts, false);
  if (parts.size() > kMaxTracked) {
    throw NotExpressible("so many branches beside unevaluatedProperties or unevaluatedItems");
  }
  // A value that satisfies several branches was looked at by all of them.
  std::vector<Form> combined;
  std::vector<unsigned> choices;
  for (unsigned chosen = 1; chosen < 1U << parts.size(); ++chosen) choices.push_back(chosen);
  std::stable_sort(choices.begin(), choices.end(),
                   [](unsigned a, unsigned b) { return std::popcount(a) > std::popcount(b); });
  for (const unsigned chosen : choices) {
    Form form = Form::any();
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if ((chosen >> i & 1U) != 0) form = forms_.intersect(form, parts[i], true);
    }
    if (!form.is_none()) combined.push_back(form);
  }
  return combined.empty() ? Form{} : forms_.unite(combined, true);
}

Form Normaliser::condition(Subschema& subschema, Mode mode) {
  const auto goal_of = [&](Keyword keyword) {
    const Value* schema = subschema[keyword];
    return schema == nullptr ? kAnything : document_.goal(subschema, *schema, keyword);
  };
  const bool tracked = mode == kTracked;
  const GoalId goal = goal_of(kIf);
  const Form holds = worked_out(goal, mode);
  const Form fails = forms_.complement(worked_out(goal, kPlain));
  const Form then = worked_out(goal_of(kThen), mode);
  const Form otherwise = worked_out(goal_of(kElse), mode);
  return forms_.unite({forms_.intersect(holds, then, tracked), forms_.intersect(fails, otherwise, tracked)}, tracked);
}

Form Normaliser::dependency(Subschema& subschema, Keyword keyword, const Member& member, Mode mode) {
  const StringId name = patterns_.strings.id(member.key);
  ObjectShape without;
  without.rules = {std::make_shared<const KeyRules>(std::vector<std::pair<StringId, GoalId>>{{name, kNothing}},
                                                    std::vector<std::pair<AtomId, GoalId>>{}, kAnything)};
  Form absent = Form::any();
  absent.objects = forms_.keep(std::vector{std::move(without)});
  ObjectShape with;
  with.required = {name};
  if (member.value.is_array()) {
    std::vector<StringId> names;
    for (const Value& wanted : member.value.items()) names.push_back(patterns_.strings.id(wanted.text));
    append_new(with.required, names);
  }
  Form present;
  present.objects = forms_.keep(std::vector{std::move(with)});
  const bool tracked = mode == kTracked;
  if (!member.value.is_array()) {
    const GoalId goal = document_.goal(subschema, member.value, keyword, member.key);
    present = forms_.intersect(present, worked_out(goal, mode), tracked);
  }
  return forms_.unite({absent, present}, tracked);
}

}  // namespace tamis::schema
