"""JSON Schema front end: a schema in, the grammar of its instances' JSON texts out.

The way of a schema: `document` finds what $ref refers to; `normalise` turns each subschema into a canonical form
(`forms`: for every JSON type a union of the shapes in `numbers`, `strings`, `arrays`, `objects`), on which allOf,
anyOf, oneOf, not and if are set operations; `lower` with `number_text`, `array_text`, `object_text` writes forms as
grammar nodes. Read `normalise` first.

Supported: type, enum, const, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength,
pattern, format, items, prefixItems, additionalItems, minItems, maxItems, contains, minContains, maxContains,
uniqueItems, properties, patternProperties, additionalProperties, propertyNames, required, minProperties,
maxProperties, dependencies, dependentRequired, dependentSchemas, allOf, anyOf, oneOf, not, if/then/else,
unevaluatedProperties, unevaluatedItems, $ref, $dynamicRef and $recursiveRef, of drafts 4, 6, 7, 2019-09 and 2020-12.
Some of them only as far as a context-free grammar can say them exactly: what cannot be said is refused by name, with
its place. Keywords that no draft defines are annotations, as the specification has it; one that belongs to another
draft than `$schema` declares is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

from .._core import AutomatonLimitError
from ..builder import Builder
from ..errors import GrammarError
from ..grammar import Grammar
from .document import Document, escaped
from .lower import Lowering
from .normalise import Normaliser
from .patterns import Patterns

__all__ = ["json_schema", "lower"]

_MAX_EXPONENT: Final = 1000


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
    `properties`, then required ones that are not declared, then others; "any" order costs a state for each set of
    declared properties (beyond six: of required ones, and optional keys may then repeat). `format`: whether `format`
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
        schema = _parsed(schema)
    source = _canonical(schema, "schema")
    options: dict[str, Any] = {"property_order": property_order, "format": format, "whitespace": whitespace}
    if resources is not None and not isinstance(resources, Mapping):
        raise GrammarError(f"resources must be a mapping of URIs to documents, not {type(resources).__name__}")
    if resources:
        options["resources"] = _canonical(dict(resources), "resources")
    return Grammar("json_schema", source, options)


def lower(
    builder: Builder,
    source: str,
    *,
    property_order: str = "declared",
    format: str = "assert",
    whitespace: str = "flexible",
    resources: str | None = None,
) -> int:
    """The node of the instances of the schema `source`, JSON text; `resources`: a JSON object of documents by URI."""
    for name, value, allowed in (
        ("property_order", property_order, ("declared", "any")),
        ("format", format, ("assert", "annotate")),
        ("whitespace", whitespace, ("flexible", "compact", "any")),
    ):
        if value not in allowed:
            raise GrammarError(f"{name} must be one of {', '.join(map(repr, allowed))}, not {value!r}")
    schema = _parsed(source)
    if not isinstance(schema, (dict, bool)):
        raise GrammarError("a schema is an object, true or false", pointer="", text=source)
    documents = _parsed(resources) if resources else None
    if documents is not None and not isinstance(documents, dict):
        raise GrammarError("resources must be a JSON object of documents by URI", text=resources)
    texts = source + (resources or "")
    try:
        document = Document(schema, documents, has_ids='"$id"' in texts or '"id"' in texts or "nchor" in texts)
        patterns = Patterns(type(builder))
        normaliser = Normaliser(document, patterns, format == "assert", tracked='"unevaluated' in texts)
        lowering = Lowering(builder, document, normaliser, property_order == "any", whitespace)
        root = document.subschema(schema, document.root, "")
        node = lowering.root(document.goal_of(root))
    except RecursionError:
        raise GrammarError("the schema is nested too deeply") from None
    except AutomatonLimitError as error:
        raise GrammarError(f"a pattern of the schema is too large to decide what it matches: {error}") from None
    if builder.is_nothing(node):
        where = normaliser.contradictions[0] if normaliser.contradictions else ""
        raise GrammarError(
            "no value satisfies the schema", pointer=where, hint="its keywords contradict each other here"
        )
    return node


def _canonical(value: Any, what: str) -> str:
    """JSON text of a schema, its keys in their order."""
    if what == "schema" and not isinstance(value, (dict, bool)):
        raise GrammarError("a schema is an object, true or false", text=repr(value))
    try:
        _refuse_other_keys(value, what)
        return _written(value)
    except RecursionError:
        raise GrammarError(f"the {what} is nested too deeply") from None
    except GrammarError:
        raise
    except (TypeError, ValueError) as error:
        raise GrammarError(f"the {what} cannot be written as JSON: {error}") from None


def _refuse_other_keys(value: Any, what: str) -> None:
    """Python's json would turn None into "null" and 1 into "1"."""
    pending, seen = [(value, "")], set()
    while pending:
        part, pointer = pending.pop()
        if isinstance(part, (dict, list, tuple)):
            if id(part) in seen:
                continue
            seen.add(id(part))
        if isinstance(part, dict):
            for key, item in part.items():
                if not isinstance(key, str):
                    raise GrammarError(f"a key of the {what} is not a string", pointer=pointer, text=repr(key))
                pending.append((item, f"{pointer}/{escaped(key)}"))
        elif isinstance(part, (list, tuple)):
            pending.extend((item, f"{pointer}/{index}") for index, item in enumerate(part))


class _HasDecimals(Exception):
    pass


def _written(value: Any) -> str:
    def other(item: Any) -> Any:
        if isinstance(item, Decimal) and item.is_finite():
            raise _HasDecimals
        raise TypeError(f"Object of type {type(item).__name__} is not JSON serializable")

    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False, default=other)
    except _HasDecimals:  # which json cannot write
        if isinstance(value, dict):
            return "{" + ",".join(f"{json.dumps(key)}:{_written(item)}" for key, item in value.items()) + "}"
        if isinstance(value, (list, tuple)):
            return "[" + ",".join(map(_written, value)) + "]"
        return str(value)


def _number(literal: str, text: str) -> float | int | Decimal:
    """The number of a literal with a point or an exponent; a float only where that says the same."""
    value = float(literal)
    try:
        number = Decimal(literal)
    except InvalidOperation:
        number = Decimal(0)
        exponent = _MAX_EXPONENT + 1
    else:
        exponent = max(abs(number.adjusted()), abs(int(number.as_tuple().exponent))) if number else 0
    if exponent > _MAX_EXPONENT:
        found = re.search(rf"(?<![\w.+-]){re.escape(literal)}(?![\w.+-])", text)
        at = found.start() if found else text.index(literal)
        raise GrammarError(
            f"numbers go from 1e-{_MAX_EXPONENT} to 1e{_MAX_EXPONENT}, with as many digits",
            line=text.count("\n", 0, at) + 1,
            column=at - text.rfind("\n", 0, at),
            text=literal,
        )
    if number == Decimal(repr(value)):
        return value
    return int(number) if number == number.to_integral_value() else number


def _parsed(text: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise GrammarError(f"the key {twice!r} occurs twice in one object of the schema")
        return found

    def no_constant(name: str) -> Any:
        raise GrammarError(f"{name} is not JSON", text=name)

    try:
        schema = json.loads(
            text,
            object_pairs_hook=unique,
            parse_float=lambda literal: _number(literal, text),
            parse_constant=no_constant,
        )
    except RecursionError:
        raise GrammarError("the schema is nested too deeply") from None
    except json.JSONDecodeError as error:
        line = text.splitlines()[error.lineno - 1 : error.lineno] or [""]
        raise GrammarError(f"not JSON: {error.msg}", line=error.lineno, column=error.colno, text=line[0]) from None
    except GrammarError:
        raise
    except ValueError as error:  # an integer of thousands of digits
        raise GrammarError(f"not usable JSON: {error}") from None
    return schema
