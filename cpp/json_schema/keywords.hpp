// The drafts of JSON Schema: which keywords each knows, and the syntax of every keyword's value.
#pragma once

#include <array>
#include <bitset>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "value.hpp"

namespace tamis::schema {

enum class Keyword : std::uint8_t {
  kRef,
  kDynamicRef,
  kRecursiveRef,
  kType,
  kEnum,
  kConst,
  kMultipleOf,
  kMaximum,
  kExclusiveMaximum,
  kMinimum,
  kExclusiveMinimum,
  kMaxLength,
  kMinLength,
  kPattern,
  kFormat,
  kPrefixItems,
  kItems,
  kAdditionalItems,
  kContains,
  kMinContains,
  kMaxContains,
  kMaxItems,
  kMinItems,
  kUniqueItems,
  kUnevaluatedItems,
  kProperties,
  kPatternProperties,
  kAdditionalProperties,
  kPropertyNames,
  kRequired,
  kMaxProperties,
  kMinProperties,
  kDependencies,
  kDependentRequired,
  kDependentSchemas,
  kUnevaluatedProperties,
  kAllOf,
  kAnyOf,
  kOneOf,
  kNot,
  kIf,
  kThen,
  kElse,
};
inline constexpr std::size_t kKeywordCount = 43;
using KeywordSet = std::bitset<kKeywordCount>;

std::string_view name_of(Keyword keyword);
std::optional<Keyword> keyword_named(std::string_view name);

// One draft: `number` is 4, 6, 7, 2019 or 2020; `keywords` are those that assert or apply something.
struct Dialect {
  std::string name;
  int number;
  KeywordSet keywords;
  bool lenient = false;  // no $schema was given: forms of older drafts are understood too

  std::string_view id_keyword() const { return number == 4 ? "id" : "$id"; }
  bool ref_has_siblings() const { return number >= 2019; }
  bool integer_has_fraction() const { return number >= 6; }  // whether 1.0 is an integer
};

// What counts without $schema: all keywords of all drafts.
const Dialect& unspecified_dialect();

// The dialect that a resource's `$schema` names; `inherited` where it has none.  `document` finds further meta-schemas
// by URI; dialects of theirs are kept in `custom`.  Throws SchemaError for a `$schema` that is none of these: its
// keywords could mean anything.
const Dialect& dialect_of(const Value& root, const Dialect& inherited, const std::string& pointer,
                          const std::function<const Value*(const std::string&)>& document,
                          std::vector<std::unique_ptr<Dialect>>& custom);

// Calls `visit(tokens, schema)` for the object schemas that stand in a schema by the keywords of its dialect, with the
// one or two reference tokens that lead to each; the second is empty-handed (`has_second` false) for keywords that hold
// one schema.
struct Part {
  std::string_view keyword;
  bool has_key = false;
  std::string_view key;  // of an object of schemas
  bool has_index = false;
  std::size_t index = 0;  // in a list of schemas
  const Value* schema = nullptr;
};
void for_each_part(const Value& schema, const Dialect& dialect, const std::function<void(const Part&)>& visit);

// Throws SchemaError if a keyword of the schema belongs to other drafts than the one that `$schema` declares.  To the
// specification it is an annotation there, but whoever writes it means it.  A keyword whose vocabulary the meta-schema
// leaves out stays an annotation.
void refuse_other_drafts(const Value& schema, const std::function<std::string()>& pointer, const Dialect& dialect);

// Throws SchemaError if `value` is not what the keyword demands.
void check_keyword(Keyword keyword, const Value& value, const std::function<std::string()>& pointer,
                   const Dialect& dialect);

// A non-negative integer, as counts and lengths are; none where the value is not one.  Capped at `kLargestCount`.
inline constexpr long long kLargestCount = 2147483647;
std::optional<long long> count_of(const Value& value);

// `token` as a reference token of a JSON pointer (RFC 6901, section 3).
std::string escaped(std::string_view token);

}  // namespace tamis::schema
