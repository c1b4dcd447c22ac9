// Sets of objects: goals by key, required keys, numbers of properties, members that must exist.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "oracle.hpp"

namespace tamis::schema {

// A set of keys: these names and whatever matches one of these patterns.  Both are sorted.
struct Keys {
  std::vector<StringId> names;
  std::vector<AtomId> patterns;

  bool operator==(const Keys&) const = default;
  bool hold(StringId name, StringOracle& oracle) const;
  static Keys united(const Keys& first, const Keys& second);
};

// What one schema says of its members: `properties` and `patterns` by key, `other` for keys that neither covers.
class KeyRules {
 public:
  KeyRules(std::vector<std::pair<StringId, GoalId>> properties, std::vector<std::pair<AtomId, GoalId>> patterns,
           GoalId other);
  // Nothing but `other` for the keys outside of `keys`.
  KeyRules(const Keys& outside_of, GoalId other);

  const std::vector<std::pair<StringId, GoalId>>& properties() const { return properties_; }
  const std::vector<std::pair<AtomId, GoalId>>& patterns() const { return patterns_; }
  GoalId other() const { return other_; }
  std::optional<GoalId> property(StringId name) const;
  // What the value under `name` must satisfy.
  GoalId goal(StringId name, Oracle& oracle) const;
  // The keys that some rule but `other` covers.
  Keys keys() const;
  bool operator==(const KeyRules& rules) const {
    return properties_ == rules.properties_ && patterns_ == rules.patterns_ && other_ == rules.other_;
  }

 private:
  std::vector<std::pair<StringId, GoalId>> properties_;
  std::vector<std::pair<AtomId, GoalId>> patterns_;
  GoalId other_;
  std::unordered_map<StringId, GoalId> index_;  // of many properties
};

// A member with a key outside of `outside` (none: any), matching `pattern` (-1: any) and satisfying `key`, and with a
// value that satisfies `value`.
struct SomeMember {
  std::shared_ptr<const Keys> outside;
  AtomId pattern = -1;
  GoalId key = kAnything;
  GoalId value = kAnything;

  bool operator==(const SomeMember& other) const;
  // Whether `name` may be its key, as far as `outside` and `pattern` say.
  bool selects(StringId name, StringOracle& oracle) const;
};

struct ObjectShape;
using ObjectUnion = const std::vector<ObjectShape>*;

// Objects that obey all `rules`, have the `required` keys, `least` to `most` (-1: any number of) properties, and each
// member of `exists`.  `key` is what every key must satisfy as a string.
struct ObjectShape {
  std::vector<std::shared_ptr<const KeyRules>> rules;
  std::vector<StringId> required;
  std::int64_t least = 0;
  std::int64_t most = -1;
  GoalId key = kAnything;
  std::vector<SomeMember> exists;
  // The keys that some keyword has looked at, for unevaluatedProperties; none of them: all.
  std::shared_ptr<const Keys> evaluated = no_keys();
  // Unions that the object is in as well, or not in: what was too much to multiply out.
  std::vector<std::pair<ObjectUnion, bool>> also;

  static const std::shared_ptr<const Keys>& no_keys();
  bool operator==(const ObjectShape& other) const;

  // What the value under `name` must satisfy.
  GoalId goal(StringId name, Oracle& oracle) const;
  // Objects in both; none where that is plainly no object.
  static std::optional<ObjectShape> meet(const ObjectShape& first, const ObjectShape& second, Oracle& oracle);
  // Shapes whose union is every other object.
  std::vector<ObjectShape> complement(Oracle& oracle) const;
  // Whether no object is in it, as far as that can be shown.
  bool is_empty(Oracle& oracle) const;
};

}  // namespace tamis::schema
