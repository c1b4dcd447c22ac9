"""JSON Schema front end: a schema in, the grammar of its instances' JSON texts out.

The work is done in C++ (`cpp/json_schema`, where `normalise.hpp` is to be read first); here are the Python values that
come in, and `patterns`, which lowers `pattern` and `format` through the regular-expression front end.

Supported: type, enum, const, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength,
pattern, format, items, prefixItems, additionalItems, minItems, maxItems, contains, minContains, maxContains,
uniqueItems, properties, patternProperties, additionalProperties, propertyNames, required, minProperties,
maxProperties, dependencies, dependentRequired, dependentSchemas, allOf, anyOf, oneOf, not, if/then/else,
unevaluatedProperties, unevaluatedItems, $ref, $dynamicRef and $recursiveRef, of drafts 4, 6, 7, 2019-09 and 2020-12.
Keywords that no draft defines are annotations, as the specification has it; one that belongs to another draft than
`$schema` declares is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from .._core import GrammarBuilder, canonical_json, json_text
from ..errors import GrammarError
from ..grammar import Grammar, refuse_surrogates
from .patterns import pattern_node, well_known_document

__all__ = ["json_schema", "lower"]


def json_schema(
    schema: dict[str, Any] | bool | str,
    *,
    property_order: Literal["declared", "any"] = "declared",
    format: Literal["assert", "annotate"] = "assert",
    resources: Mapping[str, Any] | None = None,
    whitespace: Literal["flexible", "compact", "any"] = "flexible",
) -> Grammar:
    """The grammar of the JSON texts of all instances of a schema.

    `schema` is a parsed schema or its JSON text. `property_order`: "declared" properties come in the order of
    `properties`, then required ones that are not declared, then others; in "any" order beyond a few properties a state
    knows which keys were seen. `format`: whether `format`
    asserts or is an annotation; names that no draft defines, like OpenAPI's "int32", assert nothing, as the
    specification has it, but a misspelt standard name is refused. `resources`: documents by URI that $ref may refer
    to. `whitespace`: "compact" (none), "any" (as JSON allows) or "flexible" (bounded runs
    everywhere: up to four blanks, then at most one line break with up to 64 blanks).

    Without `$schema` the keywords of all drafts count. With one, keywords of other drafts are refused, though the
    specification would ignore them; it is followed where it says that drafts 4, 6 and 7 ignore whatever stands beside a
    `$ref`, and that keywords outside of a custom meta-schema's vocabularies assert nothing.

    Raises GrammarError, with a JSON pointer, for what is not a schema, what refers nowhere, what is not supported and
    what admits no value.
    """
    if isinstance(schema, str):
        refuse_surrogates(schema)
        source = canonical_json(schema)
    elif isinstance(schema, (dict, bool)):
        source = json_text(schema, "schema")
    else:
        raise GrammarError("a schema is an object, true or false", text=repr(schema))
    options: dict[str, Any] = {"property_order": property_order, "format": format, "whitespace": whitespace}
    if resources is not None and not isinstance(resources, Mapping):
        raise GrammarError(f"resources must be a mapping of URIs to documents, not {type(resources).__name__}")
    if resources:
        options["resources"] = json_text(dict(resources), "resources")
    return Grammar("json_schema", source, options)


def lower(
    builder: GrammarBuilder,
    source: str,
    *,
    property_order: str = "declared",
    format: str = "assert",
    whitespace: str = "flexible",
    resources: str | None = None,
) -> int:
    """The node of the instances of the schema `source`, JSON text; `resources`: a JSON object of documents by URI.

    In a builder with labels every subschema becomes a rule of its own, named by its JSON pointer.
    """
    for name, value, allowed in (
        ("property_order", property_order, ("declared", "any")),
        ("format", format, ("assert", "annotate")),
        ("whitespace", whitespace, ("flexible", "compact", "any")),
    ):
        if value not in allowed:
            raise GrammarError(f"{name} must be one of {', '.join(map(repr, allowed))}, not {value!r}")
    return builder.json_schema(
        source,
        resources or None,
        property_order,
        whitespace,
        format == "assert",
        pattern_node,
        well_known_document,
    )
