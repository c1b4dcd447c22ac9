"""The drafts of JSON Schema: which keywords each knows, and the syntax of every keyword's value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..errors import GrammarError

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")

# Keyword -> (first draft, last draft) that gives it a meaning.
_SPANS: dict[str, tuple[int, int]] = {
    "$ref": (4, 2020),
    "$dynamicRef": (2020, 2020),
    "$recursiveRef": (2019, 2019),
    "type": (4, 2020),
    "enum": (4, 2020),
    "const": (6, 2020),
    "multipleOf": (4, 2020),
    "maximum": (4, 2020),
    "exclusiveMaximum": (4, 2020),
    "minimum": (4, 2020),
    "exclusiveMinimum": (4, 2020),
    "maxLength": (4, 2020),
    "minLength": (4, 2020),
    "pattern": (4, 2020),
    "format": (4, 2020),
    "prefixItems": (2020, 2020),
    "items": (4, 2020),
    "additionalItems": (4, 2019),
    "contains": (6, 2020),
    "minContains": (2019, 2020),
    "maxContains": (2019, 2020),
    "maxItems": (4, 2020),
    "minItems": (4, 2020),
    "uniqueItems": (4, 2020),
    "unevaluatedItems": (2019, 2020),
    "properties": (4, 2020),
    "patternProperties": (4, 2020),
    "additionalProperties": (4, 2020),
    "propertyNames": (6, 2020),
    "required": (4, 2020),
    "maxProperties": (4, 2020),
    "minProperties": (4, 2020),
    "dependencies": (4, 7),
    "dependentRequired": (2019, 2020),
    "dependentSchemas": (2019, 2020),
    "unevaluatedProperties": (2019, 2020),
    "allOf": (4, 2020),
    "anyOf": (4, 2020),
    "oneOf": (4, 2020),
    "not": (4, 2020),
    "if": (7, 2020),
    "then": (7, 2020),
    "else": (7, 2020),
}


@dataclass(frozen=True)
class Dialect:
    """One draft: `number` is 4, 6, 7, 2019 or 2020; `keywords` are those that assert or apply something."""

    name: str
    number: int
    keywords: frozenset[str]
    lenient: bool = False  # no $schema was given: forms of older drafts are understood too

    @property
    def id_keyword(self) -> str:
        return "id" if self.number == 4 else "$id"

    @property
    def ref_has_siblings(self) -> bool:
        return self.number >= 2019

    @property
    def integer_has_fraction(self) -> bool:
        """Whether 1.0 is an integer (it was not in draft 4)."""
        return self.number >= 6


def _dialect(name: str, number: int) -> Dialect:
    return Dialect(name, number, frozenset(word for word, (first, last) in _SPANS.items() if first <= number <= last))


_DIALECTS = {
    "json-schema.org/draft-04/schema": _dialect("draft-04", 4),
    "json-schema.org/draft-06/schema": _dialect("draft-06", 6),
    "json-schema.org/draft-07/schema": _dialect("draft-07", 7),
    "json-schema.org/draft/2019-09/schema": _dialect("2019-09", 2019),
    "json-schema.org/draft/2020-12/schema": _dialect("2020-12", 2020),
}
UNSPECIFIED = Dialect("2020-12", 2020, frozenset(_SPANS), lenient=True)


# The vocabularies of 2019-09 and 2020-12 that can be missing from a dialect, with the keywords that go with them.
_VOCABULARIES = {
    "applicator": frozenset(
        {"prefixItems", "items", "additionalItems", "contains", "properties", "patternProperties", "propertyNames"}
        | {"additionalProperties", "dependentSchemas", "allOf", "anyOf", "oneOf", "not", "if", "then", "else"}
    ),
    "unevaluated": frozenset({"unevaluatedItems", "unevaluatedProperties"}),
    "validation": frozenset(
        {"type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"}
        | {"maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "maxContains", "minContains"}
        | {"maxProperties", "minProperties", "required", "dependentRequired"}
    ),
}
_OTHER_VOCABULARIES = {"core", "meta-data", "format", "format-annotation", "format-assertion", "content"}


def _custom_dialect(uri: str, meta_schema: dict[str, Any], pointer: str) -> Dialect:
    """The dialect of a meta-schema that lists its vocabularies."""
    base = _DIALECTS.get(_bare(meta_schema.get("$schema", "")), UNSPECIFIED)
    named: dict[str, Any] = meta_schema.get("$vocabulary", {})
    short = {name.rpartition("/vocab/")[2]: wanted for name, wanted in named.items()}
    for name, wanted in short.items():
        if wanted and name not in _VOCABULARIES and name not in _OTHER_VOCABULARIES:
            raise GrammarError(
                "$schema demands a vocabulary that is not known", pointer=f"{pointer}/$schema", text=name
            )
    if not named or base.number < 2019:
        return base
    absent = frozenset().union(*(words for name, words in _VOCABULARIES.items() if name not in short))
    if base.number == 2019 and "applicator" in short:
        absent -= _VOCABULARIES["unevaluated"]
    return Dialect(uri, base.number, base.keywords - absent)


def _bare(uri: str) -> str:
    return uri.removesuffix("#").removesuffix("/").removeprefix("https://").removeprefix("http://")


def dialect_of(root: Any, inherited: Dialect, pointer: str, documents: Mapping[str, Any]) -> Dialect:
    """The dialect that a resource's `$schema` names; `inherited` where it has none.

    `documents` are further meta-schemas by URI. Raises GrammarError for a `$schema` that is neither one of these nor
    one of drafts 4, 6, 7, 2019-09 and 2020-12: its keywords could mean anything.
    """
    if not isinstance(root, dict) or "$schema" not in root:
        return inherited
    uri = root["$schema"]
    if not isinstance(uri, str):
        raise GrammarError("$schema must be a string", pointer=f"{pointer}/$schema", text=repr(uri))
    bare = _bare(uri)
    if bare == "json-schema.org/schema":  # "the latest draft"
        return UNSPECIFIED
    if bare in _DIALECTS:
        return _DIALECTS[bare]
    meta_schema = documents.get(uri.removesuffix("#"))
    if isinstance(meta_schema, dict):
        return _custom_dialect(uri, meta_schema, pointer)
    raise GrammarError(
        "$schema names a dialect that is not known",
        pointer=f"{pointer}/$schema",
        text=uri,
        hint="known are drafts 4, 6, 7, 2019-09 and 2020-12 (assumed without $schema); pass others as resources",
    )


def _is_count(value: Any) -> bool:
    return not isinstance(value, bool) and (
        (isinstance(value, int) and value >= 0) or (isinstance(value, float) and value.is_integer() and value >= 0)
    )


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return False
    return value == value and value not in (float("inf"), float("-inf"))


def _is_schema(value: Any) -> bool:
    return isinstance(value, (dict, bool))


def _is_schema_list(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(map(_is_schema, value))


def _is_schema_map(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_schema, value.values()))


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_string(value: Any) -> bool:
    return isinstance(value, str)


def _is_types(value: Any) -> bool:
    if isinstance(value, str):
        return value in TYPES
    return isinstance(value, list) and all(isinstance(name, str) and name in TYPES for name in value)


_COUNT = (_is_count, "a non-negative integer")
_NUMBER = (_is_number, "a number")
_SCHEMA = (_is_schema, "a schema (an object, true or false)")
_SCHEMA_LIST = (_is_schema_list, "a non-empty list of schemas")
_SCHEMA_MAP = (_is_schema_map, "an object whose values are schemas")
_STRING = (_is_string, "a string")

_SYNTAX: dict[str, tuple[Callable[[Any], bool], str]] = {
    "$ref": _STRING,
    "$dynamicRef": _STRING,
    "$recursiveRef": _STRING,
    "type": (_is_types, f"one or a list of {', '.join(TYPES)}"),
    "enum": (lambda value: isinstance(value, list), "a list"),
    "multipleOf": (lambda value: _is_number(value) and value > 0, "a number above 0"),
    "maximum": _NUMBER,
    "minimum": _NUMBER,
    "exclusiveMaximum": (lambda value: isinstance(value, bool) or _is_number(value), "a number (draft 4: a boolean)"),
    "exclusiveMinimum": (lambda value: isinstance(value, bool) or _is_number(value), "a number (draft 4: a boolean)"),
    "maxLength": _COUNT,
    "minLength": _COUNT,
    "pattern": _STRING,
    "format": _STRING,
    "prefixItems": _SCHEMA_LIST,
    "items": (lambda value: _is_schema(value) or (isinstance(value, list) and all(map(_is_schema, value))), "a schema"),
    "additionalItems": _SCHEMA,
    "contains": _SCHEMA,
    "minContains": _COUNT,
    "maxContains": _COUNT,
    "maxItems": _COUNT,
    "minItems": _COUNT,
    "uniqueItems": (lambda value: isinstance(value, bool), "true or false"),
    "unevaluatedItems": _SCHEMA,
    "properties": _SCHEMA_MAP,
    "patternProperties": _SCHEMA_MAP,
    "additionalProperties": _SCHEMA,
    "propertyNames": _SCHEMA,
    "required": (_is_names, "a list of strings"),
    "maxProperties": _COUNT,
    "minProperties": _COUNT,
    "dependencies": (
        lambda value: isinstance(value, dict) and all(_is_schema(item) or _is_names(item) for item in value.values()),
        "an object whose values are schemas or lists of strings",
    ),
    "dependentRequired": (
        lambda value: isinstance(value, dict) and all(map(_is_names, value.values())),
        "an object whose values are lists of strings",
    ),
    "dependentSchemas": _SCHEMA_MAP,
    "unevaluatedProperties": _SCHEMA,
    "allOf": _SCHEMA_LIST,
    "anyOf": _SCHEMA_LIST,
    "oneOf": _SCHEMA_LIST,
    "not": _SCHEMA,
    "if": _SCHEMA,
    "then": _SCHEMA,
    "else": _SCHEMA,
}


# Where schemas stand inside a schema: as a keyword's value, in a list, in an object of schemas.
_HOLD_SCHEMA = frozenset(
    {"items", "additionalItems", "contains", "unevaluatedItems", "additionalProperties", "propertyNames"}
    | {"unevaluatedProperties", "not", "if", "then", "else"}
)
_HOLD_LIST = frozenset({"items", "prefixItems", "allOf", "anyOf", "oneOf"})
_HOLD_MAP = frozenset({"properties", "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions"})
_DEFINITIONS = frozenset({"$defs", "definitions"})


def parts(schema: dict[str, Any], dialect: Dialect) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """The schemas that stand in a schema by the keywords of its dialect, each with the path to it."""
    for word, value in schema.items():
        if word not in dialect.keywords and word not in _DEFINITIONS:
            continue
        if isinstance(value, list):
            if word in _HOLD_LIST:
                yield from (((word, str(i)), item) for i, item in enumerate(value) if isinstance(item, dict))
        elif isinstance(value, dict):
            if word in _HOLD_SCHEMA:
                yield (word,), value
            elif word in _HOLD_MAP:
                yield from (((word, name), item) for name, item in value.items() if isinstance(item, dict))


def refuse_other_drafts(schema: dict[str, Any], pointer: str, dialect: Dialect) -> None:
    """Raises GrammarError if a keyword of the schema belongs to other drafts than the one that `$schema` declares.

    To the specification it is an annotation there, but whoever writes it means it. A keyword whose vocabulary the
    meta-schema leaves out stays an annotation.
    """
    for word in schema:
        first, last = _SPANS.get(word, (4, 2020))
        if not first <= dialect.number <= last and not dialect.lenient:
            names = [other.name for other in _DIALECTS.values() if first <= other.number <= last]
            raise GrammarError(
                f"{word} belongs to {', '.join(names)}, not to {dialect.name}, which $schema declares",
                pointer=f"{pointer}/{word}",
                hint=f"drop $schema, or declare {names[-1]} with it",
            )


def check_keyword(keyword: str, value: Any, pointer: str, dialect: Dialect) -> None:
    """Raises GrammarError if `value` is not what the keyword demands."""
    rule = _SYNTAX.get(keyword)
    if rule is None:
        return
    holds, expected = rule
    if not holds(value):
        raise GrammarError(f"{keyword} must be {expected}", pointer=f"{pointer}/{keyword}", text=repr(value))
    strict = keyword in ("exclusiveMinimum", "exclusiveMaximum") and not dialect.lenient
    if strict and isinstance(value, bool) != (dialect.number == 4):
        wanted = "a boolean" if dialect.number == 4 else "a number"
        raise GrammarError(
            f"{keyword} must be {wanted} in {dialect.name}", pointer=f"{pointer}/{keyword}", text=repr(value)
        )
    if keyword == "items" and isinstance(value, list) and dialect.number == 2020 and not dialect.lenient:
        raise GrammarError(
            "items must be a schema in 2020-12", pointer=f"{pointer}/items", hint="a list of schemas is now prefixItems"
        )
