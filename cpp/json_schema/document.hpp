// Schemas and where they live: subschemas as small integers, resources, and the resolution of references.
//
// A literal is a subschema or its negation, as an integer (index * 2, plus 1 if negated); a goal is a set of literals,
// interned: what one value must satisfy at once.  kAnything is met by every value, kNothing by none.  There are
// finitely many subschemas, so there are finitely many goals: whatever is memoised by goal ends, however recursive the
// schema.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "error.hpp"
#include "keywords.hpp"
#include "value.hpp"

namespace tamis::schema {

using Literal = std::int32_t;
using GoalId = std::int32_t;
inline constexpr GoalId kAnything = 0;
inline constexpr GoalId kNothing = 1;

// A JSON pointer, shared with those of the places around it and written out only when asked for.
struct Place {
  const Place* parent = nullptr;
  std::string_view token;   // of the root: the text in front of the pointer
  std::int64_t index = -1;  // a position instead of a token

  std::string pointer() const;
};

struct Resource;

struct Target {
  const Value* value = nullptr;
  const Place* place = nullptr;
};
struct BoundTarget {
  const Value* value = nullptr;
  Resource* resource = nullptr;
  const Place* place = nullptr;
};

// A schema document, or a part of one with an `$id` of its own.
//
// `dynamic` are its anchors that $dynamicRef may be bound to ("": its root, for $recursiveRef).  `scope` binds such
// names to the outermost resource on the way here that has them; a resource that is reached in several scopes exists
// once for each, with the same `base`.
struct Resource {
  const Value* root;
  std::string uri;
  const Place* place;
  const Dialect* dialect;
  Resource* base = this;
  bool indexed = false;
  std::map<std::string, Target, std::less<>> anchors;
  std::map<std::string, Target, std::less<>> dynamic;
  std::map<std::string, BoundTarget, std::less<>> scope;
};

// A schema at its place.  `shared`: some reference leads here.
struct Subschema {
  const Value* value;
  Resource* resource;
  const Place* place;
  std::int32_t index;
  bool shared = false;
  KeywordSet present;
  std::array<const Value*, kKeywordCount> keywords{};  // those that the dialect knows
  std::vector<GoalId> alternatives;                    // instead of keywords: met by what meets one of them

  const Value* operator[](Keyword keyword) const { return keywords[static_cast<std::size_t>(keyword)]; }
  std::string pointer() const { return place->pointer(); }
  std::string pointer(Keyword keyword) const { return pointer() + "/" + std::string(name_of(keyword)); }
};

class Document {
 public:
  // `resources`: a JSON object of documents by URI, or null.  `fetch` gives the text of a well-known document by its
  // URI, or nothing.
  using Fetch = std::function<std::optional<std::string>(const std::string& uri)>;
  Document(const JsonText& schema, const JsonText* resources, Fetch fetch);
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  // The goal of the whole schema.
  GoalId root_goal();

  Subschema& subschema(std::int32_t index) { return *subschemas_[static_cast<std::size_t>(index)]; }
  Subschema& of_literal(Literal literal) { return subschema(literal >> 1); }

  // The goal of satisfying the schema `value`, found under `parent` as `keyword` and below it at `key` or `index`.
  GoalId goal(Subschema& parent, const Value& value, Keyword keyword);
  GoalId goal(Subschema& parent, const Value& value, Keyword keyword, std::string_view key);
  GoalId goal(Subschema& parent, const Value& value, Keyword keyword, std::size_t index);
  // The goal of satisfying `subschema`; a bare $ref is followed to its target.
  GoalId goal_of(Subschema& subschema);
  // The goal of being equal to `value`, a part of a const or an enum at `place`.
  GoalId constant_goal(const Value& value, const Place* place);
  // The goal of being an object with the member `name`, a text that outlives the document.
  GoalId member_goal(std::string_view name, const Place* place);
  // The goal of satisfying at least one of `goals`.
  GoalId any_goal(std::vector<GoalId> goals);
  GoalId conjunction(GoalId first, GoalId second);
  // The goal of not satisfying `goal`.
  GoalId negation(GoalId goal);
  const std::vector<Literal>& literals(GoalId goal) const { return goals_[static_cast<std::size_t>(goal)]; }
  std::size_t goal_count() const { return goals_.size(); }

  // The target of a reference keyword.  Throws SchemaError where there is none.
  Subschema& resolve(Subschema& subschema, Keyword keyword);

  // Where the first subschema of a goal stands; none for kAnything and kNothing.
  std::optional<std::string> pointer(GoalId goal);
  const Place* below(const Place* place, std::string_view token);
  const Place* below(const Place* place, std::size_t index);

  Budget budget;

 private:
  GoalId interned(std::vector<Literal> literals);
  Subschema& place_subschema(const Value* value, Resource* resource, const Place* place);
  Subschema& new_subschema(const Value* value, Resource* resource, const Place* place);
  void read_keywords(Subschema& subschema);
  GoalId goal_at(Subschema& parent, const Value& value, const Place* place);

  Resource* new_resource(const Value* root, std::string uri, const Place* place, const Dialect* dialect);
  Resource* add_resource(const Value* root, const std::string& uri, const std::string& label, const Dialect& inherited,
                         bool has_ids);
  Resource* enter(Resource* resource, Resource* current);
  void index(Resource* resource);
  Resource* find_resource(const std::string& uri);
  const Value* document(const std::string& uri) const;
  struct Found {
    const Value* value;
    Resource* resource;
    const Place* place;
  };
  Found walk(Resource* resource, std::string_view fragment, const std::string& reference, const Subschema& from,
             Keyword keyword);
  const Value* member(const Value& object, const std::string& key);
  const Place* root_place(const std::string& label);

  Fetch fetch_;
  std::deque<std::unique_ptr<JsonText>> fetched_;
  std::unordered_map<std::string, const Value*> external_;
  std::vector<std::unique_ptr<Dialect>> custom_dialects_;
  bool has_ids_;

  std::deque<Place> places_;
  std::deque<std::string> labels_;
  std::deque<Resource> resource_pool_;
  std::deque<Subschema> subschema_pool_;
  std::deque<Value> values_;

  std::vector<Subschema*> subschemas_;
  std::unordered_map<std::string, Resource*> resources_;
  std::unordered_map<const Value*, Resource*> identified_;
  std::map<std::pair<Resource*, std::vector<std::pair<std::string, const Value*>>>, Resource*> scoped_;
  struct PlaceHash {
    std::size_t operator()(const std::pair<const Value*, Resource*>& key) const {
      return std::hash<const void*>()(key.first) * 31 + std::hash<const void*>()(key.second);
    }
  };
  std::unordered_map<std::pair<const Value*, Resource*>, Subschema*, PlaceHash> by_place_;
  std::unordered_map<const Value*, GoalId> constants_;
  std::map<std::vector<GoalId>, GoalId> disjunctions_;
  std::unordered_map<const Value*, std::unordered_map<std::string_view, const Value*>> member_index_;

  std::deque<std::vector<Literal>> goals_;  // references stay valid
  struct LiteralsHash {
    std::size_t operator()(const std::vector<Literal>& literals) const;
  };
  std::unordered_map<std::vector<Literal>, GoalId, LiteralsHash> goal_ids_;
  std::unordered_map<std::uint64_t, GoalId> conjunctions_;
  Resource* synthetic_ = nullptr;  // of constants and alternatives
  Resource* root_ = nullptr;
};

// The error of a schema that refers to itself without a value in between.
SchemaError circular(const Subschema& subschema);

}  // namespace tamis::schema
