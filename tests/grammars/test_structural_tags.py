"""Structural tags: free text and tags against a reader of texts, the wire formats, envelopes of tool calls."""

from __future__ import annotations

import itertools
import json
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tamis.grammars import (
    Grammar,
    GrammarError,
    Tag,
    Vocabulary,
    from_structural_tag,
    json_schema,
    regex,
    special,
    special_bytes,
    structural_tags,
    tool_calls,
)

WORDS = ["".join(word) for n in range(8) for word in itertools.product("ab", repeat=n)]


def accepts(grammar: Grammar, text: str) -> bool:
    return grammar.compile().accepts(text.encode())


def reads(text: str, tags: list[tuple[str, str]], triggers: list[str], least: bool, once: bool) -> bool:
    """Whether a text is free text with tags, each (begin, rest); by trying everything from the first trigger on."""
    ends = [
        (at + len(trigger), trigger) for trigger in triggers for at in range(len(text)) if text.startswith(trigger, at)
    ]
    if not ends:
        return not least
    first = min(end for end, _ in ends)
    for end, trigger in ends:
        if end != first:
            continue
        for begin, rest in tags:
            whole = begin[len(trigger) :] + rest
            if begin.startswith(trigger) and text.startswith(whole, end):
                after = text[end + len(whole) :]
                if after == "" if once else reads(after, tags, triggers, False, once):
                    return True
    return False


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=3, unique=True),
    st.lists(st.tuples(st.text("ab", max_size=2), st.text("ab", max_size=2)), min_size=1, max_size=3),
    st.booleans(),
    st.booleans(),
)
def test_every_text_is_read_as_by_hand(
    triggers: list[str], rests: list[tuple[str, str]], least: bool, once: bool
) -> None:
    tags = [(triggers[i % len(triggers)] + more, rest) for i, (more, rest) in enumerate(rests)]
    triggers = [trigger for trigger in triggers if any(begin.startswith(trigger) for begin, _ in tags)]
    try:
        grammar = structural_tags(
            [Tag(begin, rest) for begin, rest in tags], triggers, at_least_one=least, stop_after_first=once
        )
    except GrammarError as error:
        assert "can never come" in error.message  # noqa: PT017
        return
    automaton = grammar.compile()
    for word in WORDS:
        assert automaton.accepts(word.encode()) == reads(word, tags, triggers, least, once), word
    again = Grammar.from_spec(json.loads(json.dumps(grammar.to_spec())))
    assert again == grammar
    assert again.compile() is automaton


CALL = Tag("<call>", {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}, "</call>")


def test_an_example() -> None:
    grammar = structural_tags([CALL, Tag("<think>", regex("[a-z ]*"), "</think>")], ["<call>", "<think"])
    for text in ("", "Hi! <", 'x <call>{"n": 1}</call> and <think>so</think>', '<<call>{"n":1}</call>', "é <cal"):
        assert accepts(grammar, text), text
    for text in ("<call>", "<call>{}</call>", "<think", "<think>1</think>", 'x<call>{"n": 1}'):
        assert not accepts(grammar, text), text
    automaton = grammar.compile()
    assert automaton.advance(automaton.start, b"<thinl") is not None
    assert automaton.advance(automaton.start, b"<thinks") is None
    assert pickle.loads(pickle.dumps(grammar)) == grammar


def test_excludes_and_ends() -> None:
    grammar = structural_tags([CALL], ["<call>"], excludes=["bad"])
    assert accepts(grammar, "ba d")
    assert not accepts(grammar, "not bad")
    assert not accepts(grammar, '<call>{"n":1}</call>bad')
    assert not structural_tags([CALL], ["<call>"], at_least_one=True).compile().accepts(b"text")


def test_triggers_that_are_special_tokens() -> None:
    begin, end = special("<call>"), special("</call>")
    tags = [Tag(begin + "a:", "b", end), Tag(begin + "b", regex("a*"), "")]
    grammar = structural_tags(tags, [begin])
    vocabulary = Vocabulary(
        [None, b"a", b"b", b":", b"<call>", None, None, None], [0], {5: "<call>", 6: "</call>", 7: "x"}
    )
    bound = grammar.bind(vocabulary)

    def allowed(*tokens: int) -> list[int]:
        state = bound.replay(np.array(tokens, dtype=np.int32))
        return np.flatnonzero(np.unpackbits(bound.mask(state).view(np.uint8), bitorder="little")).tolist()

    assert allowed() == allowed(4) == allowed(4, 1, 2) == [0, 1, 2, 3, 4, 5]
    assert allowed(1, 5) == [1, 2]
    assert allowed(5, 1) == [3]
    assert allowed(5, 1, 3, 2) == [6]
    assert allowed(5, 1, 3, 2, 6) == [0, 1, 2, 3, 4, 5]
    assert allowed(5, 2) == [0, 1, 2, 3, 4, 5]
    mixed = structural_tags([Tag("a" + begin + "ab", "!"), Tag("ab", "?")], ["a" + begin + "a", "ab"]).compile()
    call = special_bytes("<call>")
    assert mixed.accepts(b"aa" + call + b"ab!ab?")
    for wrong in (call, b"a" + call, b"a" + call + b"b", b"b" + call + b"ab!", b"a" + call + b"ab?"):
        assert not mixed.accepts(wrong), wrong


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: structural_tags([], ["a"]), "needs at least one tag"),
        (lambda: structural_tags([CALL], []), "needs at least one trigger"),
        (lambda: structural_tags([CALL], [""]), "trigger 0 must be a str, special(...) or a sequence"),
        (lambda: structural_tags([CALL], [regex("<")]), "trigger 0 must be a str"),
        (lambda: structural_tags([CALL], ["<tool>"]), "no trigger begins tag 0\n  in: '<call>'\n  Triggers: '<tool>'."),
        (lambda: structural_tags([CALL], ["<c", "<d"]), "trigger 1 begins no tag\n  in: '<d'"),
        (lambda: structural_tags([CALL, Tag("al", "")], ["<call", "al"]), "tag 0 can never come: 'al', a trigger,"),
        (lambda: structural_tags(["<call>"], ["<call>"]), "tag 0 is not a Tag but str"),
        (
            lambda: structural_tags([Tag("<call>", 3)], ["<"]),
            "the content of tag 0 must be a Grammar or a str, not int",
        ),
        (lambda: structural_tags([Tag("<call>", "a", None)], ["<"]), "the end of tag 0 must be"),
        (lambda: structural_tags([Tag("<call>", {"type": "x"}, "")], ["<"]), "at /type"),
    ],
)
def test_bad_arguments(make: Any, message: str) -> None:
    with pytest.raises(GrammarError) as caught:
        make()
    assert message in str(caught.value)


def const(value: str) -> dict[str, Any]:
    return {"type": "const_string", "value": value}


def tag(begin: str, content: Any, end: Any) -> dict[str, Any]:
    if isinstance(content, str):
        content = const(content)
    return {"type": "tag", "begin": begin, "content": content, "end": end}


ANY = {"type": "any_text"}
TRIGGERED = {
    "type": "triggered_tags",
    "triggers": ["<f"],
    "tags": [tag("<f=1>", "x", "</f>"), tag("<f=2>", "y", "</f>")],
}
SEPARATED = {"type": "tags_with_separator", "separator": ",", "tags": [tag("<a>", "x", "</a>")]}
FORMATS: list[tuple[dict[str, Any], dict[str, bool]]] = [
    # What XGrammar 0.2.8 says of each text.
    (
        TRIGGERED,
        {
            "": True,
            "hi": True,
            "hi<f=1>x</f>": True,
            "<f=1>x</f>hi<f=2>y</f>": True,
            "<f": False,
            "<<f=1>x</f>": True,
            "a<f=3>": False,
        },
    ),
    (TRIGGERED | {"stop_after_first": True}, {"": True, "hi<f=1>x</f>": True, "<f=1>x</f>hi": False}),
    (
        TRIGGERED | {"at_least_one": True},
        {"": False, "hi": False, "<f=1>x</f>": True, "hi<f=1>x</f>": False, "<f=1>x</f>hi<f=2>y</f>": True},
    ),
    (
        TRIGGERED | {"at_least_one": True, "stop_after_first": True},
        {"": False, "<f=1>x</f>": True, "<f=1>x</f>hi": False},
    ),
    (TRIGGERED | {"excludes": ["b"]}, {"ab": False, "b<f=1>x</f>": False, "<f=1>x</f>": True}),
    (tag("<a>", ANY, "</a>"), {"<a>x</a>": True, "<a>x</a>y</a>": False, "<a></a>": True, "<a>x": False}),
    (tag("<a>", ANY, "aab"), {"<a>aaab": True, "<a>aab": True, "<a>aabb": False, "<a>aabaab": False}),
    (tag("<a>", ANY, ["</a>", "</b>"]), {"<a>x</b>": True, "<a>x</b></a>": False}),
    (tag("<a>", ANY | {"excludes": ["b"]}, "</a>"), {"<a>x</a>": True, "<a>xb</a>": False}),
    (
        tag("<a>", {"type": "sequence", "elements": [const("k"), ANY]}, "</a>"),
        {"<a>kx</a>": True, "<a>kx</a>y</a>": False},
    ),
    (
        tag("<a>", {"type": "sequence", "elements": [ANY, const("k")]}, "</a>"),
        {"<a>k</a>": True, "<a>x</a>": False, "<a>x</a>k</a>": False},
    ),
    (tag("<a>", {"type": "optional", "content": ANY}, "</a>"), {"<a></a>": True, "<a>x</a>y</a>": False}),
    (
        tag("<a>", {"type": "or", "elements": [ANY, const("k</a>")]}, "</a>"),
        {"<a>x</a>y</a>": False, "<a>k</a></a>": True},
    ),
    (tag("<a>", TRIGGERED, "</a>"), {"<a>t<f=1>x</f>u</a>": True, "<a>t</a>x</a>": False, "<a></a>": True}),
    ({"type": "sequence", "elements": [ANY, const("k")]}, {"k": True, "xk": True, "xkk": True}),
    ({"type": "sequence", "elements": [ANY | {"excludes": ["k"]}, const("k")]}, {"k": True, "xk": True, "xkk": False}),
    (ANY | {"max_chars": 2}, {"": True, "éb": True, "abc": False}),
    (ANY | {"max_chars": 2, "excludes": ["b"]}, {"": True, "ab": False, "aa": True, "aac": False}),
    (SEPARATED, {"": True, "<a>x</a>": True, "<a>x</a>,<a>x</a>": True, "<a>x</a>,": False}),
    (SEPARATED | {"at_least_one": True}, {"": False, "<a>x</a>,<a>x</a>": True}),
    (SEPARATED | {"stop_after_first": True}, {"": True, "<a>x</a>": True, "<a>x</a>,<a>x</a>": False}),
    (SEPARATED | {"separator": ""}, {"<a>x</a><a>x</a>": True}),
    ({"type": "star", "content": tag("<a>", ANY, "</a>")}, {"": True, "<a></a><a>x</a>": True}),
    ({"type": "plus", "content": tag("<a>", ANY, "</a>")}, {"": False, "<a></a><a>x</a>": True}),
    ({"type": "repeat", "min": 1, "max": 2, "content": const("a")}, {"": False, "aa": True, "aaa": False}),
    ({"type": "repeat", "min": 1, "max": -1, "content": const("a")}, {"": False, "aaa": True}),
    (
        {"type": "dispatch", "rules": [["k", const("x")]]},
        {"kx": True, "akxbkx": True, "k": False, "": True, "kxx": True},
    ),
    (
        {"type": "dispatch", "rules": [["k", const("x")]], "loop": False},
        {"kx": True, "": True, "a": True, "kxb": False},
    ),
    (
        {"type": "tag", "begin": "a", "content": {"type": "dispatch", "rules": [["k", const("x")]]}, "end": "b"},
        {"ab": True, "abb": True, "akxbyb": True, "akb": False, "axk": False},
    ),
    ({"type": "dispatch", "rules": [["k", const("x")]], "excludes": ["b"]}, {"kx": True, "b": False, "akxb": False}),
    ({"type": "grammar", "grammar": 'root ::= "a" | ("b" root)'}, {"a": True, "ba": True, "b": False}),
    ({"type": "regex", "pattern": "^a+$"}, {"a": True, "ba": False}),
    (
        {"type": "json_schema", "json_schema": {"type": "object", "properties": {"a": {"type": "integer"}, "b": {}}}},
        {'{"a": 1}': True, '{"b": 1, "a": 2}': False},
    ),
    (
        {
            "type": "json_schema",
            "json_schema": {"type": "object", "properties": {"a": {"type": "integer"}, "b": {}}},
            "any_order": True,
        },
        {'{"b": 1, "a": 2}': True, '{"a": "1"}': False},
    ),
]


@pytest.mark.parametrize(("format", "texts"), FORMATS)
def test_formats(format: dict[str, Any], texts: dict[str, bool]) -> None:
    grammar = from_structural_tag({"type": "structural_tag", "format": format})
    assert {text: accepts(grammar, text) for text in texts} == texts
    assert from_structural_tag(json.dumps({"type": "structural_tag", "format": format})) == grammar
    assert Grammar.from_spec(grammar.to_spec()) == grammar


def test_special_tokens_in_formats() -> None:
    token = {"type": "token", "token": "<c>"}
    c, e = special_bytes("<c>"), special_bytes("<e>")
    one = {"type": "tag", "begin": token, "content": ANY, "end": {"type": "token", "token": "<e>"}}
    for format in (
        {"type": "token_triggered_tags", "trigger_tokens": ["<c>"], "tags": [one]},
        {
            "type": "token_dispatch",
            "rules": [["<c>", {"type": "sequence", "elements": [ANY, token | {"token": "<e>"}]}]],
        },
    ):
        grammar = from_structural_tag({"type": "structural_tag", "format": format}).compile()
        assert grammar.accepts(b"a" + c + b"<e>" + e + b"b")
        assert grammar.accepts(b"<c>")
        assert not grammar.accepts(c + c + e)
    assert from_structural_tag({"type": "structural_tag", "format": token}) == special("<c>")


def test_the_older_form() -> None:
    value = {
        "type": "structural_tag",
        "structures": [
            {"begin": "<f=a>", "schema": {"type": "integer"}, "end": "</f>"},
            {"begin": "<f=b>", "schema": None, "end": "</f>"},
        ],
        "triggers": ["<f="],
    }
    grammar = from_structural_tag(value)
    assert accepts(grammar, "text <f=a>12</f> <f=b>[null]</f>")
    assert not accepts(grammar, "text <f=a>null</f>")
    tags = [Tag("<f=a>", {"type": "integer"}, "</f>"), Tag("<f=b>", {}, "</f>")]
    assert grammar == structural_tags(tags, ["<f="])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{", "not a JSON text"),
        ([], 'an object of type "structural_tag"'),
        ({"type": "json"}, 'an object of type "structural_tag"'),
        ({"structures": []}, "structures is empty"),
        ({"structures": [{"begin": "a", "end": "b"}], "triggers": ["c"]}, "at #: no trigger begins tag 0"),
        (
            {"structures": [{"begin": 1, "end": "b"}], "triggers": ["c"]},
            "at /structures/0/begin: structural_tag: begin must",
        ),
        (
            {"structures": [{"begin": "a", "schema": {"type": "x"}, "end": ""}], "triggers": ["a"]},
            "at /structures/0/schema/type",
        ),
        ({"structures": [{"begin": "a", "end": "b"}], "triggers": ["c"], "x": 1}, "unknown field 'x'"),
        ({"format": None}, "at /format/type: structural_tag: the format None is not supported"),
        ({"format": {"type": "any_tokens"}}, "the format 'any_tokens' is not supported"),
        ({"format": {"type": "exclude_token"}}, "the format 'exclude_token' is not supported"),
        ({"format": {"type": "qwen_xml_parameter"}}, "the format 'qwen_xml_parameter' is not supported"),
        ({"format": ANY | {"max": 1}}, "at /format: structural_tag: unknown field 'max'"),
        ({"format": ANY | {"max_chars": -1}}, "at /format/max_chars: structural_tag: max_chars must not be negative"),
        ({"format": ANY | {"excludes": [""]}}, "at /format/excludes/0"),
        (
            {"format": {"type": "json_schema", "json_schema": {}, "style": "glm_xml"}},
            "the style 'glm_xml' is not supported",
        ),
        ({"format": {"type": "json_schema", "json_schema": {"type": 1}}}, "at /format/json_schema/type"),
        ({"format": {"type": "json_schema", "json_schema": {}, "excludes": ["a"]}}, "excludes of a schema"),
        (
            {"format": {"type": "json_schema", "json_schema": {}, "max_whitespace_cnt": 3}},
            "max_whitespace_cnt is not supported",
        ),
        ({"format": {"type": "token", "token": 7}}, "known by its name here, not by its id"),
        ({"format": {"type": "sequence", "elements": []}}, "elements is empty"),
        ({"format": {"type": "sequence", "elements": [{"type": "regex", "pattern": "("}]}}, "at /format/elements/0: "),
        ({"format": {"type": "repeat", "min": 2, "max": 1, "content": ANY}}, "at /format: the upper bound"),
        ({"format": {"type": "repeat", "min": True, "max": 1, "content": ANY}}, "min must be an integer"),
        ({"format": tag("<a>", ANY, [])}, "end is empty"),
        ({"format": tag("<a>", ANY, 3)}, "at /format/end: structural_tag: end must be a string"),
        ({"format": SEPARATED | {"tags": [ANY]}}, "at /format/tags/0: structural_tag: a tag is expected"),
        (
            {"format": TRIGGERED | {"tags": [tag({"type": "token", "token": "x"}, "a", "b")]}},
            "begin must be a string here",
        ),
        ({"format": {"type": "dispatch", "rules": [["k", ANY], ["kk", ANY]]}}, "the pattern 'k' is a part of 'kk'"),
        ({"format": {"type": "dispatch", "rules": [["", ANY]]}}, "at /format/rules/0/0: a pattern must be"),
        ({"format": {"type": "token_dispatch", "rules": [[1, ANY]]}}, "at /format/rules/0/0"),
        (
            {"format": {"type": "token_dispatch", "rules": [["k", ANY]], "exclude_tokens": ["a"]}},
            "exclude_tokens is not",
        ),
    ],
)
def test_bad_formats(value: Any, message: str) -> None:
    with pytest.raises(GrammarError) as caught:
        from_structural_tag({"type": "structural_tag"} | value if isinstance(value, dict) else value)
    assert message in str(caught.value)


def test_deep_formats_are_refused() -> None:
    format: Any = ANY
    for _ in range(150):
        format = {"type": "optional", "content": format}
    with pytest.raises(GrammarError, match="nested formats"):
        from_structural_tag({"type": "structural_tag", "format": format})


TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "add",
            "parameters": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
        },
    },
    {"type": "function", "function": {"name": "now", "description": "the time"}},
]
T, A = special_bytes("[TOOL_CALLS]").decode("latin-1"), special_bytes("[ARGS]").decode("latin-1")
CALLS: dict[str, tuple[list[str], list[str]]] = {
    "hermes": (
        [
            'Sure. <tool_call>\n{"name": "add", "arguments": {"n": 1}}\n</tool_call>',
            '<tool_call>{"name":"now","arguments":{}}</tool_call><tool_call>{"name":"now","arguments":{}}</tool_call>',
        ],
        [
            '<tool_call>{"name": "sub", "arguments": {}}</tool_call>',
            '<tool_call>{"name": "now", "arguments": {"n": 1}}</tool_call>',
        ],
    ),
    "llama3_json": (
        ['{"name": "add", "parameters": {"n": 1}}', 'I call {"name": "now", "parameters": {}}'],
        ['{"name": "sub", "parameters": {"n": 1}}', '{"name": "add", "parameters": {}}'],
    ),
    "mistral": (
        [T + '[{"name": "add", "arguments": {"n": 1}}, {"name": "now", "arguments": {}, "id": "abcdef123"}]'],
        [T + "[]", T + '[{"name": "add", "arguments": {}}]', T],
    ),
    "mistral_args": (
        [f'{T}add{A}{{"n": 1}}{T}now{A}{{}}'],
        [f"{T}add{A}{{}}", f"{T}sub{A}{{}}", T, f'{T}add{{"n": 1}}'],
    ),
}


@pytest.mark.parametrize("style", CALLS)
def test_tool_calls(style: Any) -> None:
    right, wrong = CALLS[style]
    auto, required = tool_calls(TOOLS, style), tool_calls(TOOLS, style, tool_choice="required")
    single = tool_calls(TOOLS, style, parallel=False)
    for grammar in (auto, required):
        assert all(grammar.compile().accepts(text.encode("latin-1")) for text in right)
        assert not any(grammar.compile().accepts(text.encode("latin-1")) for text in wrong)
    assert accepts(auto, "just text")
    assert not accepts(required, "just text")
    for text in right:
        assert not single.compile().accepts((text + " more").encode("latin-1"))
        assert auto.compile().accepts((text + " more").encode("latin-1"))
    named = tool_calls(TOOLS, style, tool_choice={"type": "function", "function": {"name": "now"}})
    assert not any(named.compile().accepts(text.encode("latin-1")) for text in (*right, "text") if "add" in text)


@pytest.mark.parametrize("style", CALLS)
def test_references_stay_in_the_schema_of_the_tool(style: Any) -> None:
    tree = {
        "$defs": {"leaf": {"type": "integer"}},
        "type": "object",
        "properties": {"leaf": {"$ref": "#/$defs/leaf"}, "tree": {"$ref": "#"}},
        "additionalProperties": False,
    }
    tools = [{"type": "function", "function": {"name": "a b/é", "parameters": tree}}]
    automaton = tool_calls(tools, style, tool_choice="required").compile()
    name = "a b/é".encode().decode("latin-1")
    arguments = json.dumps({"leaf": 1, "tree": {"leaf": 2}})
    for text, accepted in ((arguments, True), (arguments.replace("2", "null"), False), ('{"arguments": {}}', False)):
        call = {
            "hermes": f'<tool_call>{{"name": "{name}", "arguments": {text}}}</tool_call>',
            "llama3_json": f'{{"name": "{name}", "parameters": {text}}}',
            "mistral": f'{T}[{{"name": "{name}", "arguments": {text}}}]',
            "mistral_args": f"{T}{name}{A}{text}",
        }[style]
        assert automaton.accepts(call.encode("latin-1")) == accepted, call


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((TOOLS, "qwen"), {}, "unknown style 'qwen'"),
        (([], "hermes"), {}, "at least one tool"),
        ((None, "hermes"), {}, "tools must be a list, not NoneType"),
        ((TOOLS[0], "hermes"), {}, "tools must be a list, not dict"),
        (([{"type": "web_search"}], "hermes"), {}, "at /0: a tool is an object"),
        (([{"function": {}}], "hermes"), {}, "at /0/function/name: a function needs a name"),
        ((TOOLS * 2, "hermes"), {}, "at /2/function/name: two functions have this name"),
        (([{"function": {"name": "a", "parameters": {"type": "x"}}}], "hermes"), {}, "at /0/function/parameters/type"),
        ((TOOLS, "hermes"), {"tool_choice": "none"}, "tool_choice is"),
        ((TOOLS, "hermes"), {"tool_choice": {"function": {"name": "sub"}}}, "Tools: add, now."),
    ],
)
def test_bad_tools(arguments: Any, options: Any, message: str) -> None:
    with pytest.raises(GrammarError) as caught:
        tool_calls(*arguments, **options)
    assert message in str(caught.value)


def test_free_text_is_read_in_runs() -> None:
    """What masks need to be fast: the state of free text is a loop over characters."""
    grammar = structural_tags([CALL], ["<call>"])
    automaton = grammar.compile()
    state = automaton.advance(automaton.start, b"some text")
    assert state == automaton.advance(automaton.start, "andere Wörter".encode())
    assert json_schema({}).compile() is not automaton
