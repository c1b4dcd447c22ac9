"""Hostile schemas."""

import json
from typing import Any

from tamis.grammars import json_schema

from .cases import case, chained


def cyclic() -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    schema["properties"] = {"a": schema}
    return schema


for depth in (300, 20_000):
    case(
        f"schema allOf {depth} deep",
        lambda d=depth: json_schema(chained(d, lambda s: {"allOf": [s]}, {"type": "null"})),
        ("null", True),
        ("1", False),
    )
    case(
        f"schema not {depth} deep",
        lambda d=depth: json_schema(chained(d, lambda s: {"not": s}, {"type": "null"})),
        ("null", True),
        ("1", False),
    )
    case(
        f"schema properties {depth} deep",
        lambda d=depth: json_schema(chained(d, lambda s: {"type": "object", "properties": {"a": s}}, {"type": "null"})),
        ("{}", True),
        ('{"a":{"a":{}}}', True),
        slow=True,
    )
    case(
        f"schema items {depth} deep",
        lambda d=depth: json_schema(chained(d, lambda s: {"type": "array", "items": s}, False)),
        ("[]", True),
        ("[[[]]]", True),
        slow=True,
    )
    case(
        f"schema const {depth} deep",
        lambda d=depth: json_schema({"const": chained(d, lambda s: [s], [])}),
        ("[" * (depth + 1) + "]" * (depth + 1), True),
    )
    case(
        f"schema anyOf {depth} deep",
        lambda d=depth: json_schema(chained(d, lambda s: {"anyOf": [s, {"type": "null"}]}, {"type": "string"})),
        ("null", True),
        slow=True,
    )
    case(
        f"schema if {depth} deep",
        lambda d=depth: json_schema(chained(d, lambda s: {"if": s, "then": True, "else": False}, {"type": "null"})),
        ("null", True),
        ("1", False),
    )
    case(
        f"schema $ref chain {depth}",
        lambda d=depth: json_schema(
            {
                "$ref": "#/$defs/0",
                "$defs": {**{str(n): {"$ref": f"#/$defs/{n + 1}"} for n in range(d)}, str(d): {"type": "null"}},
            }
        ),
        ("null", True),
        ("1", False),
        slow=True,
    )
case("schema text 1,000,000 arrays deep", lambda: json_schema("[" * 1_000_000), huge=True)
case("schema text 100,000 objects deep", lambda: json_schema('{"not":' * 100_000 + "{}" + "}" * 100_000))
case("schema that contains itself", lambda: json_schema(cyclic()))
case("schema $ref to itself", lambda: json_schema({"$ref": "#"}))
case(
    "schema $ref in a circle",
    lambda: json_schema({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
)
case("schema allOf of itself", lambda: json_schema({"allOf": [{"$ref": "#"}, {"type": "null"}]}))
case("schema anyOf itself", lambda: json_schema({"anyOf": [{"$ref": "#"}, {"type": "null"}]}), ("1", False))
case("schema not itself", lambda: json_schema({"not": {"$ref": "#"}}))
case(
    "schema endless required recursion",
    lambda: json_schema({"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#"}}}),
    ('{"a":1}', False),
)
case(
    "schema recursion through not",
    lambda: json_schema({"type": "array", "items": {"not": {"$ref": "#"}}}),
    ("[]", None),
)
case(
    "schema recursion through allOf",
    lambda: json_schema({"type": "array", "items": {"allOf": [{"$ref": "#"}, {"maxItems": 3}, {"$ref": "#"}]}}),
    ("[[[]]]", True),
    ("[[[],[],[],[]]]", False),
)
case("schema $dynamicRef in a circle", lambda: json_schema({"$dynamicAnchor": "a", "$dynamicRef": "#a"}))
case(
    "schema resources in a circle",
    lambda: json_schema(
        {"$ref": "http://a/"}, resources={"http://a/": {"$ref": "http://b/"}, "http://b/": {"$ref": "http://a/"}}
    ),
)
case(
    "schema 2^24 by allOf of anyOf",
    lambda: json_schema({"allOf": [{"anyOf": [{"required": [f"a{n}"]}, {"required": [f"b{n}"]}]} for n in range(24)]}),
    ("{}", False),
)
case(
    "schema 2^20 numbers by allOf of anyOf",
    lambda: json_schema(
        {"type": "integer", "allOf": [{"anyOf": [{"minimum": n}, {"multipleOf": n + 2}]} for n in range(20)]}
    ),
    ("1000", True),
)
case(
    "schema 2^20 strings by allOf of anyOf",
    lambda: json_schema(
        {"type": "string", "allOf": [{"anyOf": [{"pattern": f"a{n}"}, {"minLength": n}]} for n in range(20)]}
    ),
    ('"' + "x" * 40 + '"', True),
    ('"x"', False),
    slow=True,
)
case(
    "schema oneOf of 300 that overlap",
    lambda: json_schema({"oneOf": [{"properties": {f"k{n}": {"const": n}}} for n in range(300)]}),
    ("{}", False),
    slow=True,
)
case(
    "schema oneOf of 1,000 kinds",
    lambda: json_schema({"oneOf": [{"properties": {"k": {"const": f"v{n}"}}, "required": ["k"]} for n in range(1000)]}),
    ('{"k":"v7"}', True),
    ('{"k":"w"}', False),
    slow=True,
)
case(
    "schema not of anyOf of objects",
    lambda: json_schema(
        {"not": {"anyOf": [{"required": [f"a{n}"], "properties": {f"a{n}": {"minimum": n}}} for n in range(12)]}}
    ),
    ("{}", True),
    ('{"a1":1}', False),
)
case(
    "schema ifs in allOf",
    lambda: json_schema(
        {
            "type": "object",
            "allOf": [{"if": {"required": [f"a{n}"]}, "then": {"required": [f"b{n}"]}} for n in range(30)],
        },
        property_order="any",
    ),
    ("{}", True),
    ('{"a1":1}', False),
)
case(
    "schema 100,000 properties",
    lambda: json_schema({"properties": {f"p{n}": {"type": "null"} for n in range(100_000)}}),
    ('{"p99999":null}', True),
    ('{"p5":1}', False),
    huge=True,
)
case(
    "schema 2,000 required in any order",
    lambda: json_schema({"required": [f"p{n}" for n in range(2000)]}, property_order="any"),
    ("{}", False),
)
case(
    "schema 40 required in any order",
    lambda: json_schema(
        {"required": [f"p{n}" for n in range(40)], "properties": {f"p{n}": {"type": "null"} for n in range(40)}},
        property_order="any",
    ),
    (json.dumps({f"p{n}": None for n in range(39, -1, -1)}), True),
)
case(
    "schema 10,000 patternProperties",
    lambda: json_schema({"patternProperties": {f"^k.*{n}": {"type": "null"} for n in range(10_000)}}),
    ('{"k77":null}', True),
    ('{"k77":1}', False),
    slow=True,
)
case(
    "schema 60 overlapping patternProperties",
    lambda: json_schema({"patternProperties": {f"{n}": {"maximum": n} for n in range(60)}}),
    ('{"3":3}', True),
    ('{"3":4}', False),
)
case(
    "schema enum of 100,000",
    lambda: json_schema({"enum": [f"value {n}" for n in range(100_000)]}),
    ('"value 77777"', True),
    ('"value"', False),
    huge=True,
)
case(
    "schema enum of 5,000 objects",
    lambda: json_schema({"enum": [{"a": [n, {"b": str(n)}]} for n in range(5000)]}),
    ('{"a":[77,{"b":"77"}]}', True),
    ('{"a":[77,{"b":"78"}]}', False),
    slow=True,
)
case("schema 10 MB const", lambda: json_schema({"const": "x" * 10_000_000}), ('"x"', False), huge=True)
case(
    "schema 10 MB description",
    lambda: json_schema({"description": "x" * 10_000_000, "type": "null"}),
    ("null", True),
    ("1", False),
    huge=True,
)
case(
    "schema 10 MB of definitions",
    lambda: json_schema(
        {"type": "null", "$defs": {f"d{n}": {"properties": {"a": {"type": "string"}}} for n in range(170_000)}}
    ),
    ("null", True),
    huge=True,
)
case(
    "schema 10 MB used",
    lambda: json_schema(
        {
            "type": "array",
            "prefixItems": [
                {"type": "object", "properties": {f"key{n}": {"type": "string", "maxLength": n}}}
                for n in range(100_000)
            ],
        }
    ),
    ("[]", True),
    huge=True,
)
case("schema minLength 10^9", lambda: json_schema({"type": "string", "minLength": 10**9}), ('"x"', False))
case("schema maxLength 10^30", lambda: json_schema({"type": "string", "maxLength": 10**30}), ('"x"', True))
case("schema minItems 10^9", lambda: json_schema({"type": "array", "minItems": 10**9}), ("[]", False))
case(
    "schema maxItems 10^6 unique",
    lambda: json_schema({"type": "array", "maxItems": 10**6, "uniqueItems": True, "items": {"type": "integer"}}),
    ("[1,2]", True),
    ("[1,1]", False),
)
case(
    "schema 2,000 unique items",
    lambda: json_schema({"type": "array", "uniqueItems": True}),
    (json.dumps(list(range(2000))), True),
    (json.dumps([*range(2000), 1999]), False),
)
case(
    "schema contains 1,000",
    lambda: json_schema({"type": "array", "minContains": 1000, "maxContains": 1000, "contains": {"const": 1}}),
    (json.dumps([1] * 999), False),
    (json.dumps([1, 0] * 1000), True),
)
case(
    "schema minProperties 1,000",
    lambda: json_schema({"type": "object", "minProperties": 1000, "maxProperties": 1000}),
    (json.dumps({f"k{n}": n for n in range(1000)}), True),
    ("{}", False),
)
case("schema multipleOf 1e-300", lambda: json_schema({"type": "number", "multipleOf": 1e-300}), ("1", True))
case(
    "schema multipleOf of 100 digits",
    lambda: json_schema({"type": "integer", "multipleOf": 10**100 + 7}),
    ("0", True),
    ("1", False),
)
case(
    "schema multipleOf 1000003",
    lambda: json_schema({"type": "integer", "multipleOf": 1_000_003}),
    ("2000006", True),
    ("2000007", False),
)
case(
    "schema three multiples",
    lambda: json_schema(
        {"type": "number", "allOf": [{"multipleOf": 0.997}, {"multipleOf": 1.013}, {"multipleOf": 99991}]}
    ),
    ("0", True),
    ("1", False),
)
case(
    "schema bounds of 5,000 digits",
    lambda: json_schema('{"type":"integer","minimum":' + "9" * 5000 + "}"),
    ("1", False),
)
case("schema bound 1e999999999", lambda: json_schema('{"type":"integer","minimum":1e999999999}'), ("1", False))
case("schema bound 1e-999999999", lambda: json_schema('{"type":"number","minimum":1e-999999999}'), ("-1", False))
case("schema infinity", lambda: json_schema({"maximum": float("inf")}))
case("schema not a number", lambda: json_schema({"maximum": float("nan")}))
case(
    "schema pattern bomb",
    lambda: json_schema({"type": "string", "pattern": "^(([a-z])+.)+[A-Z]([a-z])+$"}),
    ('"' + "a" * 5000 + '"', False),
)
case(
    "schema patterns intersected",
    lambda: json_schema({"type": "string", "allOf": [{"pattern": f"{c}.*{c}"} for c in "abcdefghijkl"]}),
    ('"' + "abcdefghijkl" * 2 + '"', True),
    ('"abc"', False),
)
case(
    "schema patterns excluded",
    lambda: json_schema({"type": "string", "allOf": [{"not": {"pattern": f"{c}.{{3}}{c}"}} for c in "abcdefgh"]}),
    ('"abcdefgh"', True),
    ('"axxxa"', False),
)
case(
    "schema pattern and length",
    lambda: json_schema({"type": "string", "pattern": "^(a|b)*a(a|b){12}$", "minLength": 100, "maxLength": 100_000}),
    ('"' + "a" * 200 + '"', True),
    ('"aa"', False),
)
case("schema NUL bytes", lambda: json_schema("\0\0\0"))
case(
    "schema NUL in a key",
    lambda: json_schema({"properties": {"a\0b": {"type": "null"}}, "additionalProperties": False}),
    ('{"a\\u0000b":null}', True),
    ('{"ab":null}', False),
)
case("schema lone surrogate in a const", lambda: json_schema({"const": "\ud800"}))
case("schema lone surrogate in a key", lambda: json_schema({"properties": {"\udfff": False}}))
case("schema lone surrogate in a pattern", lambda: json_schema({"pattern": "\ud800"}))
case("schema text with a lone surrogate", lambda: json_schema('{"const": "\ud800"}'))
case("schema text with an escaped surrogate", lambda: json_schema('{"const": "\\ud800"}'))
case("schema text with a byte order mark", lambda: json_schema("\ufeff{}"))
case("schema text, empty", lambda: json_schema(""))
case("schema is a list", lambda: json_schema([]))  # type: ignore[arg-type]
case("schema is None", lambda: json_schema(None))  # type: ignore[arg-type]
case("schema is bytes", lambda: json_schema(b"{}"))  # type: ignore[arg-type]
case("schema has a set", lambda: json_schema({"enum": {1, 2}}))
case("schema has an object of Python", lambda: json_schema({"const": object()}))
case("schema keys are numbers", lambda: json_schema({"properties": {1: {}}}))
case("schema keywords of wrong types", lambda: json_schema({"properties": 1, "items": "a", "required": {"a": 1}}))
case("schema $ref of garbage", lambda: json_schema({"$ref": "#/%zz/~9/\0"}))
case("schema $ref of an unclosed address", lambda: json_schema({"$id": "http://[::1", "$ref": "http://[x"}))
case(
    "schema unevaluated with 2^16 branches",
    lambda: json_schema(
        {
            "allOf": [{"anyOf": [{"properties": {f"a{n}": True}}, {"properties": {f"b{n}": True}}]} for n in range(16)],
            "unevaluatedProperties": False,
        }
    ),
    ("{}", True),
    ('{"z":1}', False),
)
case(
    "schema propertyNames of 5,000",
    lambda: json_schema({"propertyNames": {"enum": [f"n{k}" for k in range(5000)]}, "minProperties": 2}),
    ('{"n1":1,"n2":2}', True),
    ('{"m":1,"n2":2}', False),
)
case(
    "schema dependencies in circles",
    lambda: json_schema(
        {"dependentSchemas": {f"k{n}": {"required": [f"k{(n + 1) % 40}"]} for n in range(40)}}, property_order="any"
    ),
    ("{}", True),
    ('{"k1":1}', False),
)
case("JSON of 100,000 arrays", lambda: json_schema(True), ("[" * 100_000, False), ("[" * 50_000 + "]" * 50_000, True))
case("JSON of 20,000 objects", lambda: json_schema(True), ('{"a":' * 20_000 + "1" + "}" * 20_000, True))
case(
    "JSON of bytes that are no UTF-8",
    lambda: json_schema(True),
    (b'"\xff"', False),
    (b'"\xc0\x80"', False),
    (b'"\xed\xa0\x80"', False),
    (b'"\xf4\x90\x80\x80"', False),
)
