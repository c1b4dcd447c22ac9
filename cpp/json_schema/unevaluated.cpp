#include "unevaluated.hpp"

#include <algorithm>
#include <map>

namespace tamis::schema {
namespace {

using enum Keyword;

// Patterns are told apart up to so many, and `contains` whose matches count as looked at.
constexpr std::size_t kMaxPatterns = 6;
constexpr std::size_t kMaxMatching = 4;
constexpr std::size_t kMaxLooks = 2000;

}  // namespace

Form Unevaluated::form(Subschema& subschema) {
  Form form = normaliser_.in_place(subschema, normaliser_.assertions_.form(subschema, false), Normaliser::kPlain);
  collect(subschema, kAnything);
  const auto restrict_by = [&](Keyword keyword, auto looked_at) {
    const Value* schema = subschema[keyword];
    if (schema == nullptr) return;
    const GoalId goal = document_.goal(subschema, *schema, keyword);
    if (goal != kAnything) form = forms_.intersect(form, (this->*looked_at)(goal), false);
  };
  restrict_by(kUnevaluatedProperties, &Unevaluated::keys_looked_at);
  restrict_by(kUnevaluatedItems, &Unevaluated::items_looked_at);
  return form;
}

void Unevaluated::collect_goal(GoalId goal, GoalId when) {
  if (when == kNothing) return;
  for (const Literal literal : document_.literals(goal)) {
    if (literal >= 0) collect(document_.of_literal(literal), when);
  }
}

// Circular references end in the form of the subschema, which is worked out first.
void Unevaluated::collect(Subschema& subschema, GoalId when) {
  if (looks_.size() > kMaxLooks) throw NotExpressible("so many branches beside unevaluatedProperties");
  document_.budget.spend(20);
  const bool is_top = looks_.empty();
  Look look{when, false, {}, 0, {}};
  StringPool& strings = normaliser_.patterns_.strings;
  look.all_keys = subschema[kAdditionalProperties] != nullptr || (!is_top && subschema[kUnevaluatedProperties]);
  if (const Value* named = subschema[kProperties]) {
    for (const Member& member : named->members()) look.keys.names.push_back(strings.id(member.key));
  }
  if (const Value* named = subschema[kPatternProperties]) {
    for (const Member& member : named->members()) {
      look.keys.patterns.push_back(
          normaliser_.patterns_.pattern(strings.id(member.key), [&] { return subschema.pointer(kPatternProperties); }));
    }
  }
  std::sort(look.keys.names.begin(), look.keys.names.end());
  std::sort(look.keys.patterns.begin(), look.keys.patterns.end());
  const Value* items = subschema[kItems];
  const Value* listed = items != nullptr && items->is_array() ? items : subschema[kPrefixItems];
  if (listed != nullptr) look.items = listed->count;
  if ((items != nullptr && !items->is_array()) ||
      (listed == items && items != nullptr && subschema[kAdditionalItems]) ||
      (!is_top && subschema[kUnevaluatedItems])) {
    look.items = -1;
  }
  if (const Value* wanted = subschema[kContains]; wanted != nullptr && subschema.resource->dialect->number >= 2020) {
    look.matching = document_.goal(subschema, *wanted, kContains);
  }
  looks_.push_back(std::move(look));

  for (const Keyword word : {kRef, kDynamicRef, kRecursiveRef}) {
    if (subschema[word] != nullptr) collect(document_.resolve(subschema, word), when);
  }
  for (const Keyword word : {kAllOf, kAnyOf, kOneOf}) {
    const Value* list = subschema[word];
    if (list == nullptr) continue;
    for (std::size_t i = 0; i < list->count; ++i) {
      const GoalId goal = document_.goal(subschema, list->first_item[i], word, i);
      collect_goal(goal, word == kAllOf ? when : document_.conjunction(when, goal));
    }
  }
  if (const Value* condition = subschema[kIf]) {
    const GoalId goal = document_.goal(subschema, *condition, kIf);
    const GoalId holds = document_.conjunction(when, goal);
    collect_goal(goal, holds);
    if (const Value* then = subschema[kThen]) collect_goal(document_.goal(subschema, *then, kThen), holds);
    if (const Value* otherwise = subschema[kElse]) {
      collect_goal(document_.goal(subschema, *otherwise, kElse), document_.conjunction(when, document_.negation(goal)));
    }
  }
  for (const Keyword word : {kDependencies, kDependentSchemas}) {
    const Value* dependencies = subschema[word];
    if (dependencies == nullptr) continue;
    for (const Member& member : dependencies->members()) {
      if (member.value.is_array()) continue;
      const GoalId present = document_.member_goal(member.key, subschema.place);
      collect_goal(document_.goal(subschema, member.value, word, member.key), document_.conjunction(when, present));
    }
  }
}

Form Unevaluated::some_of(const std::vector<GoalId>& goals) {
  std::vector<Form> forms = {Form{}};
  for (const GoalId goal : goals) forms.push_back(normaliser_.worked_out(goal, Normaliser::kPlain));
  return forms_.unite(forms, false);
}

Form Unevaluated::keys_looked_at(GoalId goal) {
  Keys keys;
  for (const Look& look : looks_) keys = Keys::united(keys, look.keys);
  if (keys.patterns.size() > kMaxPatterns) {
    throw NotExpressible("so many patternProperties beside unevaluatedProperties");
  }
  // Keys that the same subschemas look at, by the conditions under which one of these holds.
  struct Class {
    std::vector<std::pair<StringId, GoalId>> names;
    std::vector<std::pair<AtomId, GoalId>> patterns;
    bool others = false;
  };
  std::map<std::vector<GoalId>, Class> classes;
  const auto class_of = [&](auto covers) -> Class& {
    std::vector<GoalId> when;
    for (const Look& look : looks_) {
      if (look.all_keys || covers(look.keys)) when.push_back(look.when);
    }
    std::sort(when.begin(), when.end());
    when.erase(std::unique(when.begin(), when.end()), when.end());
    return classes[std::move(when)];
  };
  for (const StringId name : keys.names) {
    class_of([&](const Keys& own) { return own.hold(name, normaliser_); }).names.emplace_back(name, goal);
  }
  for (std::size_t chosen = 0; chosen < std::size_t{1} << keys.patterns.size(); ++chosen) {
    StringShape shape;
    shape.excluded = keys.names;
    for (std::size_t i = 0; i < keys.patterns.size(); ++i) {
      shape.atoms.emplace_back(keys.patterns[i], (chosen >> i & 1U) != 0);
    }
    Class& own = class_of([&](const Keys& looked_at) {
      for (std::size_t i = 0; i < keys.patterns.size(); ++i) {
        const auto& patterns = looked_at.patterns;
        if ((chosen >> i & 1U) != 0 && std::binary_search(patterns.begin(), patterns.end(), keys.patterns[i])) {
          return true;
        }
      }
      return false;
    });
    if (chosen == 0) {
      own.others = true;
    } else {
      own.patterns.emplace_back(normaliser_.atom_of(forms_.keep(std::vector{std::move(shape)})), goal);
    }
  }
  Form form = Form::any();
  for (auto& [when, own] : classes) {
    if (!when.empty() && when.front() == kAnything) continue;
    ObjectShape shape;
    if (!own.names.empty() || !own.patterns.empty()) {
      shape.rules.push_back(std::make_shared<const KeyRules>(std::move(own.names), std::move(own.patterns), kAnything));
    }
    if (own.others) shape.rules.push_back(std::make_shared<const KeyRules>(keys, goal));
    Form allowed = Form::any();
    allowed.objects = forms_.keep(std::vector{std::move(shape)});
    form = forms_.intersect(form, forms_.unite({allowed, some_of(when)}, false), false);
  }
  return form;
}

Form Unevaluated::items_looked_at(GoalId goal) {
  std::int64_t longest = 0;
  std::vector<const Look*> matching;
  for (const Look& look : looks_) {
    longest = std::max(longest, look.items);
    if (look.matching) matching.push_back(&look);
  }
  if (matching.size() > kMaxMatching || longest > 1000) {
    throw NotExpressible("so many contains beside unevaluatedItems");
  }
  const auto arrays_with = [&](std::int64_t place, GoalId wanted) {
    ArrayShape shape;
    shape.prefix.assign(static_cast<std::size_t>(place), kAnything);
    if (place < longest) {
      shape.prefix.push_back(wanted);
    } else {
      shape.rest = wanted;
    }
    Form form = Form::any();
    if (auto made = ArrayShape::meet(ArrayShape{}, shape, normaliser_)) {
      form.arrays = forms_.keep(std::vector{std::move(*made)});
    } else {
      form.arrays = Unrestricted<ArrayShape>::none();
    }
    return form;
  };
  Form form = Form::any();
  for (std::int64_t place = 0; place <= longest; ++place) {
    std::vector<GoalId> covering;
    for (const Look& look : looks_) {
      if (look.items < 0 || (place < longest && look.items > place)) covering.push_back(look.when);
    }
    if (std::find(covering.begin(), covering.end(), kAnything) != covering.end()) continue;
    std::vector<Form> ways = {some_of(covering)};
    for (std::size_t chosen = 0; chosen < std::size_t{1} << matching.size(); ++chosen) {
      GoalId when = kAnything;
      std::vector<GoalId> alternatives = {goal};
      for (std::size_t i = 0; i < matching.size(); ++i) {
        if ((chosen >> i & 1U) == 0) continue;
        when = document_.conjunction(when, matching[i]->when);
        alternatives.push_back(*matching[i]->matching);
      }
      const Form held = normaliser_.worked_out(when, Normaliser::kPlain);
      ways.push_back(forms_.intersect(held, arrays_with(place, document_.any_goal(alternatives)), false));
    }
    form = forms_.intersect(form, forms_.unite(ways, false), false);
  }
  return form;
}

}  // namespace tamis::schema
