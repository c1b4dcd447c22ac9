// Keywords that look at a value itself and at its parts: each restricts its own type and leaves the others alone.
#pragma once

#include <optional>
#include <vector>

#include "forms.hpp"
#include "patterns.hpp"

namespace tamis::schema {

class Assertions {
 public:
  Assertions(Document& document, Patterns& patterns, Forms& forms, Oracle& oracle, bool assert_formats)
      : document_(document), patterns_(patterns), forms_(forms), oracle_(oracle), assert_formats_(assert_formats) {}

  // What the keywords that look at the value itself, and at its parts, admit; applicators to parts become goals.
  // `tracked`: what they look at is noted, for unevaluated*.
  Form form(Subschema& subschema, bool tracked);

 private:
  Form constants(Subschema& subschema, const Value* first, std::size_t count, Keyword keyword);
  std::optional<NumberShape> numbers(const Subschema& subschema, bool integer);
  std::optional<StringShape> strings(const Subschema& subschema);
  std::optional<ArrayShape> arrays(Subschema& subschema, bool tracked);
  std::optional<ObjectShape> objects(Subschema& subschema, bool tracked);

  Document& document_;
  Patterns& patterns_;
  Forms& forms_;
  Oracle& oracle_;
  bool assert_formats_;
};

}  // namespace tamis::schema
