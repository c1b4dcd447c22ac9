// The front end as Python calls it; see cpp/bindings.cpp.
#pragma once

#include <nanobind/nanobind.h>

#include <functional>
#include <optional>
#include <string>

#include "json_schema.hpp"

namespace tamis::schema {

// A fragment out of what the pattern callback returned: a builder and one of its nodes.
using FragmentOf = std::function<Fragment(const nanobind::handle& builder, NodeId node)>;

// `patterns(kind, text, codec, pointer)` returns a builder and a node, or None; `fetch(uri)` a text or None.
// SchemaErrors become GrammarErrors.
NodeId lower_schema(Grammar& grammar, std::string source, std::optional<std::string> resources, const Options& options,
                    const nanobind::callable& patterns, const nanobind::callable& fetch, const FragmentOf& fragment_of);

// A schema's text without blanks and in ASCII, so that equal schemas have equal texts.
std::string canonical_text(std::string source);

// The JSON text of a Python value, likewise; raises GrammarError where it has none.  `what` it is, for messages.
std::string text_of(const nanobind::handle& value, const std::string& what);

// From the words that Python's options are, which are checked there.
Options options_of(const std::string& property_order, const std::string& whitespace, bool assert_formats, bool labels);

}  // namespace tamis::schema
