#include "assertions.hpp"

#include <algorithm>
#include <unordered_set>

namespace tamis::schema {
namespace {

using enum Keyword;

// Each takes an automaton, and each is held against the keys that the others do not match.
constexpr std::uint32_t kMaxPatterns = 500;

KeywordSet set_of(std::initializer_list<Keyword> keywords) {
  KeywordSet set;
  for (const Keyword keyword : keywords) set.set(static_cast<std::size_t>(keyword));
  return set;
}

const KeywordSet kNumberKeywords = set_of({kMinimum, kMaximum, kExclusiveMinimum, kExclusiveMaximum, kMultipleOf});
const KeywordSet kStringKeywords = set_of({kMinLength, kMaxLength, kPattern, kFormat});
const KeywordSet kArrayKeywords =
    set_of({kItems, kPrefixItems, kAdditionalItems, kContains, kMinItems, kMaxItems, kUniqueItems});
const KeywordSet kObjectKeywords = set_of({kProperties, kPatternProperties, kAdditionalProperties, kPropertyNames,
                                           kRequired, kMinProperties, kMaxProperties});

std::int64_t least(const Subschema& subschema, Keyword keyword, std::int64_t otherwise = 0) {
  const Value* value = subschema[keyword];
  return value == nullptr ? otherwise : *count_of(*value);
}

// -1: no bound; no text is longer than the largest count.
std::int64_t most(const Subschema& subschema, Keyword keyword) {
  const Value* value = subschema[keyword];
  if (value == nullptr) return -1;
  const std::int64_t count = *count_of(*value);
  return count >= kLargestCount ? -1 : count;
}

template <typename Shape>
const std::vector<Shape>* union_of(Forms& forms, std::optional<Shape> shape) {
  if (!shape) return Unrestricted<Shape>::none();
  if (*shape == Shape{}) return Unrestricted<Shape>::any();
  std::vector<Shape> shapes;
  shapes.push_back(std::move(*shape));
  return forms.keep(std::move(shapes));
}

}  // namespace

Form Assertions::form(Subschema& subschema, bool tracked) {
  const Value* types = subschema[kType];
  const auto named = [&](std::string_view name) {
    if (types == nullptr) return name != "integer";
    if (types->is_string()) return types->text == name;
    return std::any_of(types->items().begin(), types->items().end(),
                       [&](const Value& item) { return item.text == name; });
  };
  const auto restricts = [&](const KeywordSet& keywords) { return (subschema.present & keywords).any(); };
  Form form;
  form.null = named("null");
  form.booleans = named("boolean") ? kFalseBit | kTrueBit : 0;
  const bool any_number = named("number");
  if (any_number && !restricts(kNumberKeywords)) {
    form.numbers = Unrestricted<NumberShape>::any();
  } else if (any_number || named("integer")) {
    form.numbers = union_of<NumberShape>(forms_, numbers(subschema, !any_number));
  }
  if (named("string")) {
    form.strings = restricts(kStringKeywords) ? union_of<StringShape>(forms_, strings(subschema))
                                              : Unrestricted<StringShape>::any();
  }
  if (named("array")) {
    form.arrays = restricts(kArrayKeywords) ? union_of<ArrayShape>(forms_, arrays(subschema, tracked))
                                            : Unrestricted<ArrayShape>::any();
  }
  if (named("object")) {
    form.objects = restricts(kObjectKeywords) ? union_of<ObjectShape>(forms_, objects(subschema, tracked))
                                              : Unrestricted<ObjectShape>::any();
  }
  if (const Value* value = subschema[kConst]) {
    form = forms_.intersect(form, constants(subschema, value, 1, kConst), tracked);
  }
  if (const Value* values = subschema[kEnum]) {
    form = forms_.intersect(form, constants(subschema, values->first_item, values->count, kEnum), tracked);
  }
  return form;
}

Form Assertions::constants(Subschema& subschema, const Value* first, std::size_t count, Keyword keyword) {
  Form form;
  std::vector<NumberShape> numbers;
  std::unordered_set<std::string> known_numbers;
  std::vector<StringId> strings;
  std::unordered_set<StringId> known_strings;
  std::vector<ArrayShape> arrays;
  std::vector<ObjectShape> objects;
  const Place* place = nullptr;
  const auto goal = [&](const Value& value) {
    if (place == nullptr) place = document_.below(subschema.place, name_of(keyword));
    return document_.constant_goal(value, place);
  };
  document_.budget.spend(count);
  for (const Value* value = first; value != first + count; ++value) {
    switch (value->kind) {
      case Kind::kNull:
        form.null = true;
        break;
      case Kind::kFalse:
        form.booleans |= kFalseBit;
        break;
      case Kind::kTrue:
        form.booleans |= kTrueBit;
        break;
      case Kind::kNumber: {
        const Decimal number = Decimal::parse(value->text);
        if (known_numbers.insert(number.text()).second) numbers.push_back(NumberShape::point(number));
        break;
      }
      case Kind::kString: {
        document_.budget.spend(8 * value->text.size());
        const StringId text = patterns_.strings.id(value->text);
        if (known_strings.insert(text).second) strings.push_back(text);
        break;
      }
      case Kind::kArray: {
        ArrayShape& shape = arrays.emplace_back();
        for (const Value& item : value->items()) shape.prefix.push_back(goal(item));
        shape.rest = kNothing;
        shape.least = shape.most = value->count;
        break;
      }
      case Kind::kObject: {
        ObjectShape& shape = objects.emplace_back();
        std::vector<std::pair<StringId, GoalId>> properties;
        for (const Member& member : value->members()) {
          properties.emplace_back(patterns_.strings.id(member.key), goal(member.value));
          shape.required.push_back(properties.back().first);
        }
        shape.rules = {std::make_shared<const KeyRules>(std::move(properties), std::vector<std::pair<AtomId, GoalId>>{},
                                                        kNothing)};
        break;
      }
    }
  }
  form.numbers = forms_.keep(std::move(numbers));
  if (!strings.empty()) form.strings = forms_.keep(std::vector{StringShape::of(std::move(strings))});
  form.arrays = forms_.keep(std::move(arrays));
  form.objects = forms_.keep(std::move(objects));
  return form;
}

std::optional<NumberShape> Assertions::numbers(const Subschema& subschema, bool integer) {
  std::optional<NumberShape> shape = NumberShape{};
  if (integer) {
    shape->step = Decimal(1);
    if (!subschema.resource->dialect->integer_has_fraction()) shape->spelling = Spelling::kInteger;
  }
  const auto limit = [&](const Value& bound, bool low, bool open) {
    NumberShape side;
    (low ? side.low : side.high) = Decimal::parse(bound.text);
    (low ? side.low_open : side.high_open) = open;
    if (shape) shape = NumberShape::meet(*shape, side);
  };
  for (const bool low : {true, false}) {
    const Value* bound = subschema[low ? kMinimum : kMaximum];
    const Value* strict = subschema[low ? kExclusiveMinimum : kExclusiveMaximum];
    if (bound != nullptr) limit(*bound, low, strict != nullptr && strict->kind == Kind::kTrue);
    if (strict != nullptr && strict->is_number()) limit(*strict, low, true);
  }
  if (const Value* step = subschema[kMultipleOf]; step != nullptr && shape) {
    NumberShape multiples;
    multiples.step = Decimal::parse(step->text);
    shape = NumberShape::meet(*shape, multiples);
  }
  return shape && shape->is_empty() ? std::nullopt : shape;
}

std::optional<StringShape> Assertions::strings(const Subschema& subschema) {
  StringShape shape;
  shape.min_length = least(subschema, kMinLength);
  shape.max_length = most(subschema, kMaxLength);
  const auto pointer_of = [&](Keyword keyword) { return [&, keyword] { return subschema.pointer(keyword); }; };
  if (const Value* pattern = subschema[kPattern]) {
    shape.atoms.emplace_back(patterns_.pattern(patterns_.strings.id(pattern->text), pointer_of(kPattern)), true);
  }
  if (const Value* format = subschema[kFormat]; format != nullptr && assert_formats_) {
    const auto atom = patterns_.format(patterns_.strings.id(format->text), pointer_of(kFormat));
    if (atom) shape.atoms.emplace_back(*atom, true);
  }
  if (shape.max_length >= 0 && shape.min_length > shape.max_length) return std::nullopt;
  return shape;
}

std::optional<ArrayShape> Assertions::arrays(Subschema& subschema, bool tracked) {
  ArrayShape shape;
  const Value* items = subschema[kItems];
  const auto listed = [&](const Value* list, Keyword keyword) {
    if (list == nullptr) return;
    for (std::size_t i = 0; i < list->count; ++i) {
      shape.prefix.push_back(document_.goal(subschema, list->first_item[i], keyword, i));
    }
  };
  const auto others = [&](const Value* schema, Keyword keyword) {
    if (schema != nullptr) shape.rest = document_.goal(subschema, *schema, keyword);
    if (tracked) shape.evaluated = schema != nullptr ? -1 : static_cast<std::int64_t>(shape.prefix.size());
  };
  if (items != nullptr && items->is_array()) {
    listed(items, kItems);
    others(subschema[kAdditionalItems], kAdditionalItems);
  } else {
    listed(subschema[kPrefixItems], kPrefixItems);
    others(items, kItems);
  }
  shape.least = least(subschema, kMinItems);
  shape.most = most(subschema, kMaxItems);
  if (const Value* wanted = subschema[kContains]) {
    const GoalId goal = document_.goal(subschema, *wanted, kContains);
    const ArrayShape::Contains count = {goal, 0, least(subschema, kMinContains, 1), most(subschema, kMaxContains)};
    if (count.most >= 0 && count.fewest > count.most) return std::nullopt;
    if (count.fewest > 0 || count.most >= 0) shape.contains.push_back(count);
    if (tracked && subschema.resource->dialect->number >= 2020) shape.matched.push_back(goal);
  }
  const Value* unique = subschema[kUniqueItems];
  if (unique != nullptr && unique->kind == Kind::kTrue) shape.unique = ArrayShape::Uniqueness::kDistinct;
  return ArrayShape::meet(ArrayShape{}, shape, oracle_);
}

std::optional<ObjectShape> Assertions::objects(Subschema& subschema, bool tracked) {
  std::vector<std::pair<StringId, GoalId>> properties;
  if (const Value* named = subschema[kProperties]) {
    properties.reserve(named->count);
    for (const Member& member : named->members()) {
      properties.emplace_back(patterns_.strings.id(member.key),
                              document_.goal(subschema, member.value, kProperties, member.key));
    }
  }
  std::vector<std::pair<AtomId, GoalId>> patterns;
  if (const Value* named = subschema[kPatternProperties]) {
    if (named->count > kMaxPatterns) {
      NotExpressible error("more than " + std::to_string(kMaxPatterns) + " of them on one object");
      error.pointer = subschema.pointer(kPatternProperties);
      error.keyword = "patternProperties";
      throw error;
    }
    for (const Member& member : named->members()) {
      const AtomId pattern =
          patterns_.pattern(patterns_.strings.id(member.key), [&] { return subschema.pointer(kPatternProperties); });
      patterns.emplace_back(pattern, document_.goal(subschema, member.value, kPatternProperties, member.key));
    }
  }
  const Value* additional = subschema[kAdditionalProperties];
  const GoalId other =
      additional == nullptr ? kAnything : document_.goal(subschema, *additional, kAdditionalProperties);
  ObjectShape shape;
  const bool rules = !properties.empty() || !patterns.empty() || other != kAnything;
  auto made = std::make_shared<const KeyRules>(std::move(properties), std::move(patterns), other);
  if (tracked) shape.evaluated = additional != nullptr ? nullptr : std::make_shared<const Keys>(made->keys());
  if (rules) shape.rules = {std::move(made)};
  if (const Value* required = subschema[kRequired]) {
    std::vector<StringId> names;
    for (const Value& name : required->items()) names.push_back(patterns_.strings.id(name.text));
    append_new(shape.required, names);
  }
  shape.least = least(subschema, kMinProperties);
  shape.most = most(subschema, kMaxProperties);
  if (const Value* names = subschema[kPropertyNames]) shape.key = document_.goal(subschema, *names, kPropertyNames);
  return ObjectShape::meet(ObjectShape{}, shape, oracle_);
}

}  // namespace tamis::schema
