// JSON Schema front end: a schema in, the grammar node of its instances' JSON texts out.
//
// The way of a schema: `value` reads its text; `document` finds what references refer to; `normalise` turns each
// subschema into a canonical form (`forms`: for every JSON type a union of the shapes in `numbers`, `strings`,
// `arrays`, `objects`), on which allOf, anyOf, oneOf, not and if are set operations; `lower` with `number_text`,
// `array_text` and `object_text` writes forms as grammar nodes, with `machines` for what no grammar says.  Read
// `normalise.hpp` first.
#pragma once

#include <optional>
#include <string>

#include "../grammar/ir.hpp"
#include "document.hpp"
#include "lower.hpp"
#include "patterns.hpp"

namespace tamis::schema {

struct Options {
  Order order = Order::kDeclared;
  Whitespace whitespace = Whitespace::kFlexible;
  bool assert_formats = true;
  bool labels = false;  // every subschema becomes a rule named by its JSON pointer
};

// The node of the instances of the schema `source`, JSON text, with blanks around them; `resources`: a JSON object of
// documents by URI.  Throws SchemaError, with a JSON pointer, for what is not a schema, what refers nowhere, what is
// not supported and what admits no value.
NodeId lower_schema(Grammar& grammar, std::string source, std::optional<std::string> resources, const Options& options,
                    const LowerPattern& patterns, const Document::Fetch& fetch);

}  // namespace tamis::schema
