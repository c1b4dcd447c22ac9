#include "objects.hpp"

#include <algorithm>

namespace tamis::schema {
namespace {

template <typename T>
bool contains(const std::vector<T>& items, const T& item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

template <typename T>
bool equal(const std::shared_ptr<const T>& a, const std::shared_ptr<const T>& b) {
  return a == b || (a && b && *a == *b);
}

std::shared_ptr<const KeyRules> one_property(StringId name, GoalId goal) {
  return std::make_shared<const KeyRules>(std::vector<std::pair<StringId, GoalId>>{{name, goal}},
                                          std::vector<std::pair<AtomId, GoalId>>{}, kAnything);
}

}  // namespace

bool Keys::hold(StringId name, StringOracle& oracle) const {
  return std::binary_search(names.begin(), names.end(), name) ||
         std::any_of(patterns.begin(), patterns.end(), [&](AtomId pattern) { return oracle.matches(pattern, name); });
}

Keys Keys::united(const Keys& first, const Keys& second) {
  Keys out;
  std::set_union(first.names.begin(), first.names.end(), second.names.begin(), second.names.end(),
                 std::back_inserter(out.names));
  std::set_union(first.patterns.begin(), first.patterns.end(), second.patterns.begin(), second.patterns.end(),
                 std::back_inserter(out.patterns));
  return out;
}

KeyRules::KeyRules(std::vector<std::pair<StringId, GoalId>> properties, std::vector<std::pair<AtomId, GoalId>> patterns,
                   GoalId other)
    : properties_(std::move(properties)), patterns_(std::move(patterns)), other_(other) {
  if (properties_.size() > 12) index_.insert(properties_.begin(), properties_.end());
}

KeyRules::KeyRules(const Keys& outside_of, GoalId other) : other_(other) {
  for (const StringId name : outside_of.names) properties_.emplace_back(name, kAnything);
  for (const AtomId pattern : outside_of.patterns) patterns_.emplace_back(pattern, kAnything);
  if (properties_.size() > 12) index_.insert(properties_.begin(), properties_.end());
}

std::optional<GoalId> KeyRules::property(StringId name) const {
  if (!index_.empty()) {
    const auto found = index_.find(name);
    return found == index_.end() ? std::nullopt : std::optional(found->second);
  }
  for (const auto& [known, goal] : properties_) {
    if (known == name) return goal;
  }
  return std::nullopt;
}

GoalId KeyRules::goal(StringId name, Oracle& oracle) const {
  std::optional<GoalId> goal = property(name);
  for (const auto& [pattern, wanted] : patterns_) {
    if (!oracle.matches(pattern, name)) continue;
    goal = goal ? oracle.both(*goal, wanted) : wanted;
  }
  return goal.value_or(other_);
}

Keys KeyRules::keys() const {
  Keys out;
  for (const auto& [name, goal] : properties_) out.names.push_back(name);
  for (const auto& [pattern, goal] : patterns_) out.patterns.push_back(pattern);
  std::sort(out.names.begin(), out.names.end());
  std::sort(out.patterns.begin(), out.patterns.end());
  return out;
}

bool SomeMember::operator==(const SomeMember& other) const {
  return equal(outside, other.outside) && pattern == other.pattern && key == other.key && value == other.value;
}

bool SomeMember::selects(StringId name, StringOracle& oracle) const {
  return (!outside || !outside->hold(name, oracle)) && (pattern < 0 || oracle.matches(pattern, name));
}

const std::shared_ptr<const Keys>& ObjectShape::no_keys() {
  static const auto kNone = std::make_shared<const Keys>();
  return kNone;
}

bool ObjectShape::operator==(const ObjectShape& other) const {
  return required == other.required && least == other.least && most == other.most && key == other.key &&
         rules.size() == other.rules.size() &&
         std::equal(rules.begin(), rules.end(), other.rules.begin(), equal<KeyRules>) && exists == other.exists &&
         equal(evaluated, other.evaluated) && also == other.also;
}

GoalId ObjectShape::goal(StringId name, Oracle& oracle) const {
  GoalId goal = kAnything;
  for (const auto& item : rules) goal = oracle.both(goal, item->goal(name, oracle));
  return goal;
}

std::optional<ObjectShape> ObjectShape::meet(const ObjectShape& first, const ObjectShape& second, Oracle& oracle) {
  ObjectShape out;
  out.most = first.most;
  if (second.most >= 0 && (out.most < 0 || second.most < out.most)) out.most = second.most;
  out.required = first.required;
  append_new(out.required, second.required);
  out.least = std::max(first.least, second.least);
  if (out.most >= 0 && std::max(out.least, static_cast<std::int64_t>(out.required.size())) > out.most) {
    return std::nullopt;
  }
  out.rules = first.rules;
  for (const auto& item : second.rules) {
    if (!contains(first.rules, item)) out.rules.push_back(item);
  }
  oracle.document().budget.spend(out.rules.size() * (out.required.size() + 1));
  for (const auto& item : out.rules) {
    for (const StringId name : out.required) {
      if (item->property(name) == kNothing) return std::nullopt;
    }
  }
  out.key = oracle.both(first.key, second.key);
  out.exists = first.exists;
  for (const SomeMember& member : second.exists) {
    if (!contains(out.exists, member)) out.exists.push_back(member);
  }
  if (!first.evaluated || !second.evaluated) {
    out.evaluated = nullptr;
  } else if (first.evaluated == second.evaluated || second.evaluated == no_keys()) {
    out.evaluated = first.evaluated;
  } else if (first.evaluated == no_keys()) {
    out.evaluated = second.evaluated;
  } else {
    out.evaluated = std::make_shared<const Keys>(Keys::united(*first.evaluated, *second.evaluated));
  }
  out.also = first.also;
  for (const auto& [shapes, inside] : second.also) {
    if (contains(out.also, std::pair{shapes, !inside})) return std::nullopt;
    if (!contains(out.also, std::pair{shapes, inside})) out.also.emplace_back(shapes, inside);
  }
  return out;
}

std::vector<ObjectShape> ObjectShape::complement(Oracle& oracle) const {
  std::vector<ObjectShape> outside;
  const auto with_rules = [&](std::shared_ptr<const KeyRules> item) {
    outside.emplace_back().rules = {std::move(item)};
  };
  for (const StringId name : required) with_rules(one_property(name, kNothing));
  if (least > static_cast<std::int64_t>(required.size())) outside.emplace_back().most = least - 1;
  if (most >= 0) outside.emplace_back().least = most + 1;
  for (const auto& item : rules) {
    for (const auto& [name, goal] : item->properties()) {
      const GoalId other = oracle.negation(goal);
      if (other == kNothing) continue;
      if (other != kAnything)
        with_rules(one_property(name, other));
      else
        outside.emplace_back();
      outside.back().required = {name};
    }
    for (const auto& [pattern, goal] : item->patterns()) {
      const GoalId other = oracle.negation(goal);
      if (other == kNothing) continue;
      outside.emplace_back().exists = {SomeMember{nullptr, pattern, kAnything, other}};
    }
    const GoalId other = oracle.negation(item->other());
    if (other == kNothing) continue;
    outside.emplace_back().exists = {SomeMember{std::make_shared<const Keys>(item->keys()), -1, kAnything, other}};
  }
  if (const GoalId other = oracle.negation(key); other == kAnything) {
    outside.emplace_back().least = 1;
  } else if (other != kNothing) {
    outside.emplace_back().exists = {SomeMember{nullptr, -1, other, kAnything}};
  }
  for (const SomeMember& member : exists) {
    if (member.key != kAnything) {
      outside.emplace_back().key = oracle.negation(member.key);
    } else if (member.pattern >= 0) {
      with_rules(std::make_shared<const KeyRules>(
          std::vector<std::pair<StringId, GoalId>>{},
          std::vector<std::pair<AtomId, GoalId>>{{member.pattern, oracle.negation(member.value)}}, kAnything));
    } else {
      with_rules(std::make_shared<const KeyRules>(*member.outside, oracle.negation(member.value)));
    }
  }
  for (const auto& [shapes, inside] : also) outside.emplace_back().also = {{shapes, !inside}};
  return outside;
}

bool ObjectShape::is_empty(Oracle& oracle) const {
  const auto needed = std::max(least, static_cast<std::int64_t>(required.size()));
  if (most >= 0 && std::max<std::int64_t>(needed, exists.empty() ? 0 : 1) > most) return true;
  return std::any_of(required.begin(), required.end(),
                     [&](StringId name) { return oracle.is_empty(goal(name, oracle)); }) ||
         std::any_of(exists.begin(), exists.end(),
                     [&](const SomeMember& member) { return oracle.is_empty(member.value); });
}

}  // namespace tamis::schema
