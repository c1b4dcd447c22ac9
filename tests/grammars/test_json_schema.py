"""What each keyword of a JSON Schema admits, how texts may be spelled, and how bad schemas are refused."""

from __future__ import annotations

import contextlib
import json
import pickle
from typing import Any

import pytest
from tamis.grammars import GrammarError
from tamis.grammars.json_schema import json_schema

LINKED = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"value": {"type": "integer"}, "next": {"$ref": "#/$defs/node"}},
            "required": ["value"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/node",
}
# Whatever has an "x" is in the last alternative, too: it overlaps with all the others, which tell each other apart.
OVERLAPPED: dict[str, Any] = {
    "oneOf": [
        *(
            {
                "type": "object",
                "properties": {
                    "k": {"const": kind},
                    "v": {"type": "integer"},
                    "w": {"type": "array", "items": {"$ref": "#"}},
                },
                "required": ["k", "v", "w"],
            }
            for kind in "abcdef"
        ),
        {"type": "object", "required": ["x"]},
    ]
}
ROOMS = {"type": "object", "properties": {"a~/b c": {"enum": [1, 2]}}, "$ref": "#/$defs/x~1y"}

# schema, texts in the language, texts outside of it
CASES: list[tuple[Any, list[str], list[str]]] = [
    (True, ["1", '{"a": [null]}', "-0.5E+7", '"\\u00e9"'], ["01", "[1,]", "{'a': 1}", "nul", "1.", '"\n"']),
    ({}, ["[]", "{}", " [ 1 , 2 ] "], ["[}"]),
    ({"type": ["null", "boolean"]}, ["null", "true", "false"], ["0", '"null"']),
    ({"type": "integer"}, ["1", "-0", "1.0", "1e2", "1.5e+16", "-7.000"], ["1.5", "01", "1e-1", "1.5e0"]),
    ({"enum": ["a", 1, None, [1, "x"], {"k": True}]}, ['"\\u0061"', "1.0", '[1,"x"]', '{"k": true}'], ["true", "[1]"]),
    ({"const": {"b": 1, "a": [0]}}, ['{"b": 1, "a": [0]}'], ['{"b": 1}', '{"b": 1, "a": [0], "c": 0}']),
    ({"const": 1e-07}, ["1e-07", "0.0000001"], ["1e-08", "0"]),
    ({"minLength": 2, "maxLength": 3}, ['"ab"', '"😀é"', '"\\ud83d\\ude00a"', "7"], ['"a"', '"abcd"', '"😀"']),
    ({"type": "string", "pattern": "b"}, ['"abc"', '"\\u0062"'], ['"ac"']),
    ({"type": "string", "pattern": "^a$"}, ['"a"'], ['"ab"', '"a\\n"']),
    ({"minimum": 0.5, "exclusiveMaximum": 12.25}, ["0.5", "12.249", "5e-1", '"x"'], ["0.49", "12.25", "-1", "4e-1"]),
    ({"type": "integer", "exclusiveMinimum": -3, "maximum": 105}, ["-2", "105", "7.0"], ["-3", "106", "2.5"]),
    ({"type": "number", "multipleOf": 0.01}, ["1", "0.25", "-3.10"], ["0.255"]),
    ({"type": "integer", "not": {"multipleOf": 2}}, ["3", "-1.0"], ["4", "1e2", "2e+17"]),
    ({"type": "integer", "multipleOf": 7}, ["14", "-21", "0", "1001"], ["13", "1000"]),
    ({"items": {"type": "null"}, "minItems": 1, "maxItems": 2}, ["[null]", "[null, null]", "3"], ["[]", "[1]"]),
    ({"prefixItems": [{"const": 1}], "items": False}, ["[]", "[1]"], ["[2]", "[1, 1]"]),
    ({"items": [{"const": 1}], "additionalItems": {"const": 2}}, ["[1, 2, 2]"], ["[1, 1]", "[2]"]),
    ({"contains": {"const": 1}, "maxContains": 2}, ["[1]", "[0, 1, 1]"], ["[]", "[1, 1, 1]"]),
    ({"items": {"enum": [1, "a"]}, "uniqueItems": True}, ["[]", '["a", 1.0]'], ["[1, 1.0]", '["a", "\\u0061"]']),
    ({"uniqueItems": True}, ['[1, "1", [1], {"a": 1}]', "[[1, 2], [2, 1]]"], ["[1, 2, 1.0]", '[{"a":1},{ "a" :1e0}]']),
    ({"uniqueItems": True}, ['[{"a": 1, "b": 2}]'], ['[{"a": 1, "b": 2}, {"b": 2, "a": 1}]', '["a", "\\u0061"]']),
    (  # too many to multiply out
        {"not": {"enum": [[0, 0], [1, 1], [2, 2]]}},
        ["[5, 5]", "[[1, 1], [1, 1]]", "[0, 1]", "[]", '[{"a": [1]}]', "1"],
        ["[0, 0]", "[2, 2.0]", "[ 1,1 ]"],
    ),
    ({"type": "array", "not": {"uniqueItems": True}}, ["[1, 0, 1]"], ["[]", "[1, 2]", "1"]),
    ({"uniqueItems": True, "items": {"enum": [*"abcdefgh"]}}, ['["h", "a"]'], ['["a", "a"]', '["x"]']),
    ({"type": "integer", "minimum": 13, "multipleOf": 12}, ["24", "1200.0"], ["12", "25", "0"]),
    ({"minProperties": 2}, ['{"a": 1, "b": 1}'], ['{"a": 1}', '{"a": 1, "a": 2}', '{"a": 1, "\\u0061": 2}']),
    ({"not": {"patternProperties": {"^a": {"const": 1}}}}, ['{"ab": 2, "b": 1}'], ['{"ab": 1, "b": 2}', "{}", "1"]),
    ({"oneOf": [{"multipleOf": 7, "const": 10}, {"enum": [10, 14]}]}, ["10", "14"], ["7"]),
    ({"not": {"propertyNames": False}}, ['{"a": 1}'], ["{}", "1"]),
    ({"not": {"not": {"propertyNames": False}}}, ["{}", "1"], ['{"a": 1}']),
    ({"not": {"propertyNames": {"maxLength": 1}}}, ['{"a": 1, "bc": 1}'], ['{"a": 1}', "{}", "1"]),
    ({"not": {"additionalProperties": {"const": 1}}}, ['{"a": 1, "b": 2}'], ['{"a": 1}', "{}", "1"]),
    ({"not": {"prefixItems": [True], "items": {"const": 1}}}, ["[0, 1, 2]"], ["[0, 1]", "[2]", "1"]),
    ({"contains": {"const": 1}, "minContains": 500}, ["[" + "1," * 500 + "0]"], ["[" + "1," * 498 + "1]"]),
    (
        {"oneOf": [{"patternProperties": {"a": {"const": 1}}}, {"required": ["b"]}]},
        ['{"a": 1}', '{"b": 1, "a": 2}'],
        ['{"a": 2}', '{"b": 1}'],
    ),
    (LINKED, ['{"value": 1, "next": {"value": 2}}'], ['{"value": 1, "next": {}}']),
    ({"$defs": {"x/y": {"minProperties": 1}}, **ROOMS}, ['{"a~/b c": 1}', '{"b": 0}'], ["{}", '{"a~/b c": 3}']),
    (
        {
            "properties": {"a": True, "b": {"type": "null"}},
            "required": ["c", "a"],
            "additionalProperties": {"const": 0},
        },
        ['{"a": 1, "c": 0}', '{"a": [], "b": null, "c": 0, "d": 0}', "[]"],
        ['{"a": 1}', '{"c": 0, "a": 1}', '{"a": 1, "c": 0, "b": null}', '{"a": 1, "c": 1}'],
    ),
    (
        {"patternProperties": {"^x-": {"type": "integer"}}, "additionalProperties": False},
        ['{"x-a": 1, "\\u0078-": 2}', "{}"],
        ['{"y": 1}', '{"x-a": "1"}'],
    ),
    ({"propertyNames": {"maxLength": 1}}, ['{"a": 1}'], ['{"ab": 1}']),
    ({"properties": {"a": {}, "b": {}}, "maxProperties": 1, "minProperties": 1}, ['{"b": 1}', '{"z": 1}'], ["{}"]),
    ({"dependentRequired": {"a": ["b"]}}, ['{"b": 1}', '{"a": 1, "b": 1}', "{}"], ['{"a": 1}']),
    ({"allOf": [{"required": ["a"]}, {"properties": {"a": {"minimum": 3}}}]}, ['{"a": 4}', '{"a": ""}'], ['{"a": 2}']),
    ({"anyOf": [{"type": "string"}, {"minimum": 5}], "type": ["string", "number"]}, ['"x"', "6"], ["4", "null"]),
    ({"oneOf": [{"multipleOf": 2}, {"minimum": 10}], "type": "integer"}, ["4", "11"], ["12", "3"]),
    (
        OVERLAPPED,
        [
            '{"k": "a", "v": 1, "w": []}',
            '{"x": 1}',
            '{"x": 1, "k": "f", "v": "1", "w": []}',
            '{"k": "f", "v": 1, "w": [{"x": 1}, {"k": "b", "v": 2, "w": []}]}',
            '{"x": 1, "k": "f", "v": 1, "w": [{"x": 1, "k": "b", "v": 2, "w": []}]}',
            '{"x": 1, "k": "f", "v": 1, "w": [{"w": [], "k": "g", "v": 2}]}',
        ],
        [
            '{"k": "g", "v": 1, "w": []}',
            '{"x": 1, "k": "f", "v": 1, "w": []}',
            '{"k": "f", "v": 1, "w": [{"x": 1, "k": "b", "v": 2, "w": []}]}',
            '{"x": 1, "w": [{"w": [], "k": "b", "v": 2}], "k": "f", "v": 1}',
        ],
    ),
    ({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, ['{"a": 1}', '{"b": 1}'], ["{}", '{"a": 1, "b": 1}', "0"]),
    ({"not": {"type": "string", "pattern": "^a"}}, ['"b"', "1"], ['"ab"']),
    (
        {"if": {"properties": {"k": {"const": 1}}, "required": ["k"]}, "then": {"required": ["v"]}},
        ['{"k": 1, "v": 0}', '{"k": 2}', "{}"],
        ['{"k": 1}'],
    ),
    (
        {"anyOf": [{"properties": {"a": {"const": 1}}, "required": ["a"]}, {}], "unevaluatedProperties": False},
        ['{"a": 1}', "{}"],
        ['{"a": 2}', '{"a": 1, "b": 1}'],
    ),
    ({"format": "date"}, ['"2024-02-29"', "1"], ['"2023-02-29"', '"2024-2-9"']),
    ({"format": "date-time"}, ['"2024-02-29T23:59:60Z"', '"1985-04-12t23:20:50.52+01:00"'], ['"2024-02-29 10:00:00Z"']),
    ({"format": "ipv6"}, ['"::ffff:10.0.0.1"', '"1::"'], ['"1::2::3"', '"12345::"']),
    ({"format": "int32"}, ['"anything"', "1"], ["]"]),
    ({"format": "hostname"}, ['"a-b"'], ['"xn--"', '"ab--c"', '"xn--a-"', '"-a"']),
    (
        {"properties": {"a": {"$recursiveRef": "#"}}, "additionalProperties": False, "type": "object"},
        ['{"a": {"a": {}}}'],
        ['{"a": {"b": 1}}', '{"a": 1}'],
    ),
    ({"dependencies": {"a": ["b"]}, "const": {"b": 1}}, ['{"b": 1}'], ['{"a": 1}']),
    (
        {
            "properties": {
                "default": {"$id": "http://example.com/d", "const": 1},
                "x": {"$ref": "http://example.com/d"},
            },
            "x-unknown": {"$id": "http://example.com/d", "const": 2},
        },
        ['{"x": 1}'],
        ['{"x": 2}'],
    ),
    ({"type": "array", "maxItems": 10**12, "minItems": 1}, ["[1]"], ["[]"]),
    ({"type": "array", "not": {"minItems": 10**12}}, ["[1]"], ["1"]),
    (
        {
            "$schema": "http://json-schema.org/draft-04/schema#",
            "definitions": {"n": {"type": "null"}},
            "$ref": "#/definitions/n",
            "const": 1,
        },
        ["null"],
        ["1"],
    ),
    ({"type": "string", "minItems": 3, "required": ["a"], "nullable": True}, ['"a"'], ["[]", "null"]),
    (
        {
            "$schema": "http://json-schema.org/draft-04/schema#",
            "minimum": 1,
            "exclusiveMinimum": True,
            "type": "integer",
        },
        ["2"],
        ["1", "2.0"],
    ),
    (
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "definitions": {"n": {}},
            "$ref": "#/definitions/n",
            "not": {},
        },
        ["1"],
        ["x"],
    ),
]


@pytest.mark.parametrize(("schema", "members", "others"), CASES, ids=[json.dumps(case[0])[:60] for case in CASES])
def test_members_and_others(schema: Any, members: list[str], others: list[str]) -> None:
    automaton = json_schema(schema).compile()
    for text in members:
        assert automaton.accepts(text.encode()), text
    for text in others:
        assert not automaton.accepts(text.encode()), text


def test_whitespace_styles() -> None:
    schema = {"properties": {"a": {"items": {}}}, "additionalProperties": False}
    value = {"a": [1, {"b": None}]}
    compact = json.dumps(value, separators=(",", ":")).encode()
    spaced, indented = json.dumps(value).encode(), json.dumps(value, indent=2).encode()
    far = b'{"a":' + b" " * 100 + b"[]}"
    for style, texts in {
        "compact": {compact: True, spaced: False, indented: False, far: False},
        "flexible": {compact: True, spaced: True, indented: True, far: False},
        "any": {compact: True, spaced: True, indented: True, far: True},
    }.items():
        automaton = json_schema(schema, whitespace=style).compile()  # type: ignore[arg-type]
        assert {text: automaton.accepts(text) for text in texts} == texts, style


def test_flexible_whitespace_is_bounded_after_every_prefix() -> None:
    automaton = json_schema({"type": "array", "items": {"type": "integer"}}).compile()
    for prefix in (b"", b"[", b"[1", b"[1,", b"[1, 2]"):
        assert automaton.advance(automaton.start, prefix + b"\n" + b" " * 64) is not None
        assert automaton.advance(automaton.start, prefix + b"\n" * 2) is None
        assert automaton.advance(automaton.start, prefix + b" " * 70) is None


@pytest.mark.parametrize("count", [2, 5, 9, 20])
def test_any_order(count: int) -> None:
    names = [f"k{i}" for i in range(count)]
    schema = {
        "properties": {name: {"const": i} for i, name in enumerate(names)},
        "required": names[:3],
        "additionalProperties": False,
    }
    automaton = json_schema(schema, property_order="any").compile()
    instance = {name: i for i, name in enumerate(names)}
    backwards = dict(reversed(instance.items()))
    for value, valid in ((instance, True), (backwards, True), ({"k0": 0}, count < 2), ({**instance, "k1": 0}, False)):
        assert automaton.accepts(json.dumps(value).encode()) is valid
    assert not json_schema(schema).compile().accepts(json.dumps(backwards).encode())


def test_fifty_optional_properties_take_linear_space() -> None:
    def states(count: int) -> int:
        properties = {f"p{i}": {"type": "boolean"} for i in range(count)}
        automaton = json_schema({"properties": properties, "additionalProperties": False}).compile()
        return automaton.statistics()["nfa_states"]

    assert states(100) < 2.5 * states(50)


def test_annotated_format_is_ignored() -> None:
    schema = {"type": "string", "format": "regex"}
    assert json_schema(schema, format="annotate").compile().accepts(b'"("')
    assert not json_schema(schema).compile().accepts(b'"("')


def test_resources() -> None:
    resources = {
        "http://example.com/item": {"$id": "http://example.com/item", "$ref": "#/$defs/n", "$defs": {"n": {"const": 1}}}
    }
    automaton = json_schema({"items": {"$ref": "http://example.com/item"}}, resources=resources).compile()
    assert automaton.accepts(b"[1, 1]")
    assert not automaton.accepts(b"[2]")


def test_grammar_is_picklable_and_keeps_key_order() -> None:
    schema = {"properties": {"b": True, "a": True}, "required": ["b", "a"]}
    grammar = json_schema(json.dumps(schema))
    assert json.loads(grammar.source) == schema
    assert list(json.loads(grammar.source)["properties"]) == ["b", "a"]
    assert pickle.loads(pickle.dumps(grammar)) == grammar == json_schema(schema)
    assert grammar.compile().accepts(b'{"b": 1, "a": 2}')
    assert not grammar.compile().accepts(b'{"a": 1, "b": 2}')


def deep(levels: int) -> Any:
    schema: Any = {}
    for _ in range(levels):
        schema = {"properties": {"a": schema}}
    return schema


def declared(draft: str, **keywords: Any) -> dict[str, Any]:
    return {"$schema": f"http://json-schema.org/{draft}/schema#", **keywords}


BAD: list[tuple[Any, str | None, str]] = [
    ({"items": {"format": "datetime"}}, "/items/format", "unknown format 'datetime'; did you mean 'date-time'?"),
    (declared("draft-04", items={"const": 1}), "/items/const", "belongs to draft-06, draft-07, 2019-09, 2020-12"),
    (declared("draft-06", **{"if": {}}), "/if", "not to draft-06"),
    (declared("draft-07", dependentRequired={"a": ["b"]}), "/dependentRequired", "drop $schema, or declare 2020-12"),
    (declared("draft/2020-12", dependencies={"a": ["b"]}), "/dependencies", "drop $schema, or declare draft-07"),
    (declared("draft/2020-12", **{"$recursiveRef": "#"}), "/$recursiveRef", "belongs to 2019-09"),
    ({"$recursiveRef": "#"}, "#", "circular"),
    ({"$id": "http://[bad/", "$ref": "x"}, "/$ref", "not a URI reference"),
    ({"$id": "http://a/", "items": {"$id": "http://[b", "$ref": "x"}}, "/items/$id", "not a URI reference"),
    ({"required": "a"}, "/required", "required must be a list of strings"),
    ({"properties": {"x/y": {"type": "strin"}}}, "/properties/x~1y/type", "type must be one"),
    ({"items": {"minLength": -1}}, "/items/minLength", "minLength must be a non-negative integer"),
    ({"$ref": "#"}, "#", "circular"),
    ({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}}, "/$defs/a", "circular"),
    ({"items": {"$ref": "#/$defs/none"}}, "/items/$ref", "leads nowhere"),
    ({"$ref": "http://example.com/none"}, "/$ref", "not here"),
    ({"$ref": "#none"}, "/$ref", "anchor"),
    ({"$schema": "http://example.com/dialect"}, "/$schema", "dialect"),
    ({"properties": {"a": {"pattern": "a("}}}, "/properties/a/pattern", ""),
    ({"properties": {"a": {"pattern": "(a)\\2"}}}, "/properties/a/pattern", "no group"),
    ({"type": "object", "properties": {"a": False}, "required": ["a"]}, "", "no value"),
    (
        {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 2, "maximum": 1}}},
        "/properties/n",
        "no value",
    ),
    (False, "", "no value"),
    ("{", None, "not JSON"),
    ('{"a": 1, "a": 2}', None, "twice"),
    ('{"minimum": NaN}', None, "NaN"),
    ([], None, "a schema is an object"),
    ({"const": {1, 2}}, None, "cannot be written as JSON"),
    (deep(5000), None, "too deep"),
    ({"allOf": [deep(0)], "not": {"not": {}}, "items": "x"}, "/items", "items must be a schema"),
]


@pytest.mark.parametrize(("schema", "pointer", "message"), BAD, ids=[str(i) for i in range(len(BAD))])
def test_bad_schema(schema: Any, pointer: str | None, message: str) -> None:
    with pytest.raises(GrammarError) as caught:
        json_schema(schema).compile()
    assert message in str(caught.value)
    if pointer is not None:
        assert caught.value.pointer == pointer


def test_deep_but_possible_schemas_compile() -> None:
    chain = {f"d{i}": {"properties": {"a": {"$ref": f"#/$defs/d{i + 1}"}}} for i in range(500)}
    schema = {"$defs": {**chain, "d500": {"type": "integer"}}, "$ref": "#/$defs/d0"}
    automaton = json_schema(schema).compile()
    assert automaton.accepts(b'{"a":' * 500 + b"1" + b"}" * 500)
    assert not automaton.accepts(b'{"a":' * 500 + b'"1"' + b"}" * 500)
    assert json_schema(deep(100)).compile().accepts(b'{"a": {"a": 1}}')


HOSTILE: list[Any] = [
    {"minItems": 10**12, "maxItems": 10**13},
    {"type": "string", "minLength": 1, "maxLength": 10**6, "pattern": "^[a-z]+$"},
    {"type": "string", "pattern": "(a|b)*a(a|b){20}"},
    {"maximum": 1e308, "minimum": 1e-300},
    {"multipleOf": 1e-300},
    {"oneOf": [{"const": str(i)} for i in range(2000)]},
    {"oneOf": [{"properties": {"k": {"const": i}}, "required": ["k"]} for i in range(60)]},
    {"allOf": [{"anyOf": [{"required": [f"a{i}"]}, {"required": [f"b{i}"]}]} for i in range(16)]},
    {"properties": {f"p{i}": {"type": "string"} for i in range(2000)}},
    {"enum": [f"s{i}" for i in range(10_000)]},
    {"properties": {"\ud800": {}}, "const": "\ud800"},
    {"$id": "http://[", "$ref": "x"},
]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("schema", HOSTILE, ids=[json.dumps(schema)[:50] for schema in HOSTILE])
def test_hostile_schemas_end_soon(schema: Any) -> None:
    """Each compiles or is refused: no crash, and no more than seconds even on a busy machine."""
    with contextlib.suppress(GrammarError):
        json_schema(schema).compile()


@pytest.mark.parametrize(
    ("resources", "message"),
    [(3, "mapping"), (["a"], "mapping"), ({"http://[": {}, "x": 1}, None), ({"http://a/": {"$id": "http://[b"}}, None)],
)
def test_bad_resources(resources: Any, message: str | None) -> None:
    with contextlib.nullcontext() if message is None else pytest.raises(GrammarError, match=message):
        json_schema({}, resources=resources)
    with pytest.raises(GrammarError):
        json_schema({"$id": "http://a/", "$ref": "http://[/x"}, resources=resources)


@pytest.mark.parametrize("option", ["property_order", "format", "whitespace"])
def test_unknown_option_value(option: str) -> None:
    with pytest.raises(GrammarError, match=option):
        json_schema({}, **{option: "nonsense"})


@pytest.mark.parametrize(
    ("schema", "pointer"), [({"properties": {1: {}}}, "/properties"), ({None: 1}, ""), ({"$id": 5}, "/$id")]
)
def test_keys_and_ids_are_strings(schema: dict, pointer: str) -> None:
    with pytest.raises(GrammarError) as caught:
        json_schema(schema)
    assert caught.value.pointer == pointer
