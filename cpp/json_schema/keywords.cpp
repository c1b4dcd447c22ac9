#include "keywords.hpp"

#include <algorithm>
#include <memory>
#include <unordered_map>

#include "decimal.hpp"
#include "error.hpp"

namespace tamis::schema {
namespace {

enum class Syntax : std::uint8_t {
  kAny,
  kCount,
  kNumber,
  kPositive,
  kBound,  // a number, or draft 4's boolean
  kBoolean,
  kString,
  kList,
  kTypes,
  kNames,
  kSchema,
  kSchemaOrList,
  kSchemaList,
  kSchemaMap,
  kDependencies,
  kNamesMap,
};

struct Entry {
  std::string_view name;
  int first;  // draft that gives it a meaning
  int last;
  Syntax syntax;
};

constexpr std::array<Entry, kKeywordCount> kEntries = {{
    {"$ref", 4, 2020, Syntax::kString},
    {"$dynamicRef", 2020, 2020, Syntax::kString},
    {"$recursiveRef", 2019, 2019, Syntax::kString},
    {"type", 4, 2020, Syntax::kTypes},
    {"enum", 4, 2020, Syntax::kList},
    {"const", 6, 2020, Syntax::kAny},
    {"multipleOf", 4, 2020, Syntax::kPositive},
    {"maximum", 4, 2020, Syntax::kNumber},
    {"exclusiveMaximum", 4, 2020, Syntax::kBound},
    {"minimum", 4, 2020, Syntax::kNumber},
    {"exclusiveMinimum", 4, 2020, Syntax::kBound},
    {"maxLength", 4, 2020, Syntax::kCount},
    {"minLength", 4, 2020, Syntax::kCount},
    {"pattern", 4, 2020, Syntax::kString},
    {"format", 4, 2020, Syntax::kString},
    {"prefixItems", 2020, 2020, Syntax::kSchemaList},
    {"items", 4, 2020, Syntax::kSchemaOrList},
    {"additionalItems", 4, 2019, Syntax::kSchema},
    {"contains", 6, 2020, Syntax::kSchema},
    {"minContains", 2019, 2020, Syntax::kCount},
    {"maxContains", 2019, 2020, Syntax::kCount},
    {"maxItems", 4, 2020, Syntax::kCount},
    {"minItems", 4, 2020, Syntax::kCount},
    {"uniqueItems", 4, 2020, Syntax::kBoolean},
    {"unevaluatedItems", 2019, 2020, Syntax::kSchema},
    {"properties", 4, 2020, Syntax::kSchemaMap},
    {"patternProperties", 4, 2020, Syntax::kSchemaMap},
    {"additionalProperties", 4, 2020, Syntax::kSchema},
    {"propertyNames", 6, 2020, Syntax::kSchema},
    {"required", 4, 2020, Syntax::kNames},
    {"maxProperties", 4, 2020, Syntax::kCount},
    {"minProperties", 4, 2020, Syntax::kCount},
    {"dependencies", 4, 7, Syntax::kDependencies},
    {"dependentRequired", 2019, 2020, Syntax::kNamesMap},
    {"dependentSchemas", 2019, 2020, Syntax::kSchemaMap},
    {"unevaluatedProperties", 2019, 2020, Syntax::kSchema},
    {"allOf", 4, 2020, Syntax::kSchemaList},
    {"anyOf", 4, 2020, Syntax::kSchemaList},
    {"oneOf", 4, 2020, Syntax::kSchemaList},
    {"not", 4, 2020, Syntax::kSchema},
    {"if", 7, 2020, Syntax::kSchema},
    {"then", 7, 2020, Syntax::kSchema},
    {"else", 7, 2020, Syntax::kSchema},
}};

constexpr std::string_view kTypes[] = {"null", "boolean", "integer", "number", "string", "array", "object"};

const Entry& entry(Keyword keyword) { return kEntries[static_cast<std::size_t>(keyword)]; }

KeywordSet set_of(std::initializer_list<Keyword> keywords) {
  KeywordSet set;
  for (const Keyword keyword : keywords) set.set(static_cast<std::size_t>(keyword));
  return set;
}

Dialect made(std::string name, int number) {
  Dialect dialect{std::move(name), number, {}};
  for (std::size_t i = 0; i < kKeywordCount; ++i) {
    if (kEntries[i].first <= number && number <= kEntries[i].last) dialect.keywords.set(i);
  }
  return dialect;
}

struct NamedDialect {
  std::string_view uri;
  Dialect dialect;
};

const std::vector<NamedDialect>& dialects() {
  static const std::vector<NamedDialect> kDialects = {
      {"json-schema.org/draft-04/schema", made("draft-04", 4)},
      {"json-schema.org/draft-06/schema", made("draft-06", 6)},
      {"json-schema.org/draft-07/schema", made("draft-07", 7)},
      {"json-schema.org/draft/2019-09/schema", made("2019-09", 2019)},
      {"json-schema.org/draft/2020-12/schema", made("2020-12", 2020)},
  };
  return kDialects;
}

struct Vocabulary {
  std::string_view name;
  KeywordSet keywords;
};

// The vocabularies of 2019-09 and 2020-12 that can be missing from a dialect, with the keywords that go with them.
const std::vector<Vocabulary>& vocabularies() {
  using enum Keyword;
  static const std::vector<Vocabulary> kVocabularies = {
      {"applicator",
       set_of({kPrefixItems, kItems, kAdditionalItems, kContains, kProperties, kPatternProperties, kPropertyNames,
               kAdditionalProperties, kDependentSchemas, kAllOf, kAnyOf, kOneOf, kNot, kIf, kThen, kElse})},
      {"unevaluated", set_of({kUnevaluatedItems, kUnevaluatedProperties})},
      {"validation", set_of({kType,          kEnum,
                             kConst,         kMultipleOf,
                             kMaximum,       kExclusiveMaximum,
                             kMinimum,       kExclusiveMinimum,
                             kMaxLength,     kMinLength,
                             kPattern,       kMaxItems,
                             kMinItems,      kUniqueItems,
                             kMaxContains,   kMinContains,
                             kMaxProperties, kMinProperties,
                             kRequired,      kDependentRequired})},
  };
  return kVocabularies;
}

bool is_other_vocabulary(std::string_view name) {
  static constexpr std::string_view kNames[] = {"core",    "meta-data",         "format",
                                                "content", "format-annotation", "format-assertion"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

std::string_view bare(std::string_view uri) {
  if (uri.ends_with('#')) uri.remove_suffix(1);
  if (uri.ends_with('/')) uri.remove_suffix(1);
  if (uri.starts_with("https://")) uri.remove_prefix(8);
  if (uri.starts_with("http://")) uri.remove_prefix(7);
  return uri;
}

const Dialect* known_dialect(std::string_view uri) {
  for (const NamedDialect& named : dialects()) {
    if (named.uri == bare(uri)) return &named.dialect;
  }
  return nullptr;
}

// The dialect of a meta-schema that lists its vocabularies.
const Dialect& custom_dialect(std::string_view uri, const Value& meta_schema, const std::string& pointer,
                              std::vector<std::unique_ptr<Dialect>>& custom) {
  const Value* own = meta_schema.find("$schema");
  const Dialect* base = own != nullptr && own->is_string() ? known_dialect(own->text) : nullptr;
  if (base == nullptr) base = &unspecified_dialect();
  const Value* named = meta_schema.find("$vocabulary");
  if (named == nullptr || named->count == 0) return *base;
  std::vector<std::string_view> present;
  for (const Member& member : named->members()) {
    std::string_view name = member.key;
    const std::size_t at = name.rfind("/vocab/");
    if (at != std::string_view::npos) name.remove_prefix(at + 7);
    const bool is_known =
        is_other_vocabulary(name) || std::any_of(vocabularies().begin(), vocabularies().end(),
                                                 [&](const Vocabulary& known) { return known.name == name; });
    if (member.value.kind == Kind::kTrue && !is_known) {
      throw SchemaError("$schema demands a vocabulary that is not known", pointer + "/$schema", std::string(name));
    }
    present.push_back(name);
  }
  if (base->number < 2019) return *base;
  const auto has = [&](std::string_view name) {
    return std::find(present.begin(), present.end(), name) != present.end();
  };
  KeywordSet absent;
  for (const Vocabulary& vocabulary : vocabularies()) {
    if (!has(vocabulary.name)) absent |= vocabulary.keywords;
  }
  if (base->number == 2019 && has("applicator")) {
    for (const Vocabulary& vocabulary : vocabularies()) {
      if (vocabulary.name == "unevaluated") absent &= ~vocabulary.keywords;
    }
  }
  custom.push_back(std::make_unique<Dialect>(Dialect{std::string(uri), base->number, base->keywords & ~absent}));
  return *custom.back();
}

bool all_of_items(const Value& value, bool (*holds)(const Value&)) {
  for (const Value& item : value.items()) {
    if (!holds(item)) return false;
  }
  return true;
}

bool all_of_members(const Value& value, bool (*holds)(const Value&)) {
  for (const Member& member : value.members()) {
    if (!holds(member.value)) return false;
  }
  return true;
}

bool is_schema(const Value& value) { return value.is_schema(); }
bool is_string(const Value& value) { return value.is_string(); }
bool is_names(const Value& value) { return value.is_array() && all_of_items(value, is_string); }
bool is_type(const Value& value) {
  return value.is_string() && std::find(std::begin(kTypes), std::end(kTypes), value.text) != std::end(kTypes);
}

bool holds(Syntax syntax, const Value& value) {
  switch (syntax) {
    case Syntax::kAny:
      return true;
    case Syntax::kCount:
      return count_of(value).has_value();
    case Syntax::kNumber:
      return value.is_number();
    case Syntax::kPositive:
      return value.is_number() && compare(Decimal::parse(value.text), Decimal()) > 0;
    case Syntax::kBound:
      return value.is_number() || value.is_boolean();
    case Syntax::kBoolean:
      return value.is_boolean();
    case Syntax::kString:
      return value.is_string();
    case Syntax::kList:
      return value.is_array();
    case Syntax::kTypes:
      return is_type(value) || (value.is_array() && all_of_items(value, is_type));
    case Syntax::kNames:
      return is_names(value);
    case Syntax::kSchema:
      return value.is_schema();
    case Syntax::kSchemaOrList:
      return value.is_schema() || (value.is_array() && all_of_items(value, is_schema));
    case Syntax::kSchemaList:
      return value.is_array() && value.count > 0 && all_of_items(value, is_schema);
    case Syntax::kSchemaMap:
      return value.is_object() && all_of_members(value, is_schema);
    case Syntax::kDependencies:
      return value.is_object() &&
             all_of_members(value, [](const Value& item) { return is_schema(item) || is_names(item); });
    case Syntax::kNamesMap:
      return value.is_object() && all_of_members(value, is_names);
  }
  return false;
}

std::string_view expected(Syntax syntax) {
  switch (syntax) {
    case Syntax::kCount:
      return "a non-negative integer";
    case Syntax::kNumber:
      return "a number";
    case Syntax::kPositive:
      return "a number above 0";
    case Syntax::kBound:
      return "a number (draft 4: a boolean)";
    case Syntax::kBoolean:
      return "true or false";
    case Syntax::kString:
      return "a string";
    case Syntax::kList:
      return "a list";
    case Syntax::kTypes:
      return "one or a list of null, boolean, integer, number, string, array, object";
    case Syntax::kNames:
      return "a list of strings";
    case Syntax::kSchema:
      return "a schema (an object, true or false)";
    case Syntax::kSchemaOrList:
      return "a schema";
    case Syntax::kSchemaList:
      return "a non-empty list of schemas";
    case Syntax::kSchemaMap:
      return "an object whose values are schemas";
    case Syntax::kDependencies:
      return "an object whose values are schemas or lists of strings";
    case Syntax::kNamesMap:
      return "an object whose values are lists of strings";
    case Syntax::kAny:
      break;
  }
  return "";
}

}  // namespace

std::string_view name_of(Keyword keyword) { return entry(keyword).name; }

std::optional<Keyword> keyword_named(std::string_view name) {
  static const std::unordered_map<std::string_view, Keyword> kIndex = [] {
    std::unordered_map<std::string_view, Keyword> index;
    for (std::size_t i = 0; i < kKeywordCount; ++i) index.emplace(kEntries[i].name, static_cast<Keyword>(i));
    return index;
  }();
  const auto found = kIndex.find(name);
  if (found == kIndex.end()) return std::nullopt;
  return found->second;
}

const Dialect& unspecified_dialect() {
  static const Dialect kUnspecified = {"2020-12", 2020, KeywordSet().set(), true};
  return kUnspecified;
}

const Dialect& dialect_of(const Value& root, const Dialect& inherited, const std::string& pointer,
                          const std::function<const Value*(const std::string&)>& document,
                          std::vector<std::unique_ptr<Dialect>>& custom) {
  const Value* named = root.find("$schema");
  if (named == nullptr) return inherited;
  if (!named->is_string()) throw SchemaError("$schema must be a string", pointer + "/$schema", to_json(*named));
  if (bare(named->text) == "json-schema.org/schema") return unspecified_dialect();  // "the latest draft"
  if (const Dialect* known = known_dialect(named->text)) return *known;
  std::string uri(named->text);
  if (uri.ends_with('#')) uri.pop_back();
  if (const Value* meta_schema = document(uri); meta_schema != nullptr && meta_schema->is_object()) {
    return custom_dialect(named->text, *meta_schema, pointer, custom);
  }
  throw SchemaError(
      "$schema names a dialect that is not known", pointer + "/$schema", std::string(named->text),
      "known are drafts 4, 6, 7, 2019-09 and 2020-12 (assumed without $schema); pass others as resources");
}

void for_each_part(const Value& schema, const Dialect& dialect, const std::function<void(const Part&)>& visit) {
  for (const Member& member : schema.members()) {
    const std::optional<Keyword> keyword = keyword_named(member.key);
    const bool defines = member.key == "$defs" || member.key == "definitions";
    if (!defines && (!keyword || !dialect.keywords[static_cast<std::size_t>(*keyword)])) continue;
    const Syntax syntax = defines ? Syntax::kSchemaMap : entry(*keyword).syntax;
    Part part;
    part.keyword = member.key;
    if (member.value.is_array() && (syntax == Syntax::kSchemaList || syntax == Syntax::kSchemaOrList)) {
      part.has_index = true;
      for (const Value& item : member.value.items()) {
        part.schema = &item;
        if (item.is_object()) visit(part);
        ++part.index;
      }
    } else if (member.value.is_object() && (syntax == Syntax::kSchema || syntax == Syntax::kSchemaOrList)) {
      part.schema = &member.value;
      visit(part);
    } else if (syntax == Syntax::kSchemaMap || syntax == Syntax::kDependencies) {
      part.has_key = true;
      for (const Member& inner : member.value.members()) {
        part.key = inner.key;
        part.schema = &inner.value;
        if (inner.value.is_object()) visit(part);
      }
    }
  }
}

void refuse_other_drafts(const Value& schema, const std::function<std::string()>& pointer, const Dialect& dialect) {
  if (dialect.lenient) return;
  for (const Member& member : schema.members()) {
    const std::optional<Keyword> keyword = keyword_named(member.key);
    if (!keyword) continue;
    const Entry& known = entry(*keyword);
    if (known.first <= dialect.number && dialect.number <= known.last) continue;
    std::string names;
    std::string last;
    for (const NamedDialect& other : dialects()) {
      if (other.dialect.number < known.first || other.dialect.number > known.last) continue;
      last = other.dialect.name;
      names += (names.empty() ? "" : ", ") + last;
    }
    const std::string word(member.key);
    throw SchemaError(word + " belongs to " + names + ", not to " + dialect.name + ", which $schema declares",
                      pointer() + "/" + word, {}, "drop $schema, or declare " + last + " with it");
  }
}

void check_keyword(Keyword keyword, const Value& value, const std::function<std::string()>& pointer,
                   const Dialect& dialect) {
  const Entry& known = entry(keyword);
  const std::string word(known.name);
  if (!holds(known.syntax, value)) {
    throw SchemaError(word + " must be " + std::string(expected(known.syntax)), pointer() + "/" + word, to_json(value));
  }
  if (dialect.lenient) return;
  if (known.syntax == Syntax::kBound && value.is_boolean() != (dialect.number == 4)) {
    throw SchemaError(word + " must be " + (dialect.number == 4 ? "a boolean" : "a number") + " in " + dialect.name,
                      pointer() + "/" + word, to_json(value));
  }
  if (keyword == Keyword::kItems && value.is_array() && dialect.number == 2020) {
    throw SchemaError("items must be a schema in 2020-12", pointer() + "/items", {},
                      "a list of schemas is now prefixItems");
  }
}

std::optional<long long> count_of(const Value& value) {
  if (!value.is_number()) return std::nullopt;
  const Decimal number = Decimal::parse(value.text);
  if (!number.is_integer() || number.is_negative()) return std::nullopt;
  const std::string digits = number.whole();
  return digits.size() > 10 ? kLargestCount : std::min(std::stoll(digits), kLargestCount);
}

std::string escaped(std::string_view token) {
  std::string out;
  out.reserve(token.size());
  for (const char c : token) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace tamis::schema
