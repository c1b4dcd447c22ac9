"""Tool calls: the envelopes that common models write around them, made of OpenAI's definitions of tools."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal
from urllib.parse import quote

from ..algebra import special, text
from ..errors import GrammarError
from ..grammar import Grammar
from ..json_schema import json_schema
from . import Tag, listed, structural_tags

Style = Literal["hermes", "llama3_json", "mistral", "mistral_args"]

_STYLES: Final = ("hermes", "llama3_json", "mistral", "mistral_args")
_BREAK: Final = text("\n").optional()


def tool_calls(
    tools: Iterable[Mapping[str, Any]],
    style: Style,
    *,
    tool_choice: Literal["auto", "required"] | Mapping[str, Any] = "auto",
    parallel: bool = True,
    special_markers: bool | None = None,
) -> Grammar:
    """Free text with calls of tools, whose arguments follow their schemas.

    tools: OpenAI's definitions, `{"type": "function", "function": {"name": ..., "parameters": schema}}`.
    style: how the model writes a call:

        "hermes"        <tool_call>{"name": ..., "arguments": {...}}</tool_call>       Hermes, Qwen 2.5 and 3
        "llama3_json"   {"name": "...", "parameters": {...}}                           Llama 3.1 to 3.3
        "mistral"       [TOOL_CALLS][{"name": ..., "arguments": {...}}, ...]           Mistral up to tokenizer v7
        "mistral_args"  [TOOL_CALLS]name[ARGS]{...}                                    Mistral from tokenizer v11 on

    tool_choice: "auto", "required" (one call at least, after free text or none) or OpenAI's
    `{"type": "function", "function": {"name": ...}}`: a call of this tool is required, and of no other. parallel: False
    ends the text with the first call. special_markers: whether the markers (<tool_call>, [TOOL_CALLS], [ARGS]) are
    special tokens of the tokenizer; by default those of Mistral are.

    Raises GrammarError, with a JSON pointer into `tools`, for what is no such definition, and for a name that is not
    among them.
    """
    if style not in _STYLES:
        raise GrammarError(f"tool_calls: unknown style {style!r}", hint=f"known styles: {', '.join(_STYLES)}")
    functions = _functions(listed(tools, "tools"))
    chosen = _chosen(functions, tool_choice)
    mark = special if (style.startswith("mistral") if special_markers is None else special_markers) else text
    return structural_tags(
        *_ENVELOPES[style](chosen, mark), at_least_one=tool_choice != "auto", stop_after_first=not parallel
    )


def _hermes(functions: dict[str, Any], mark: Any) -> tuple[list[Tag], list[Grammar]]:
    begin, end = mark("<tool_call>"), mark("</tool_call>")
    calls = _calls({"anyOf": [_call(name) for name in functions]}, functions)
    return [Tag(begin, _BREAK + calls + _BREAK, end)], [begin]


def _llama3_json(functions: dict[str, Any], mark: Any) -> tuple[list[Tag], list[Grammar | str]]:
    begins = {name: f'{{"name": {json.dumps(name, ensure_ascii=False)}, "parameters": ' for name in functions}
    return [Tag(begins[name], schema, "}") for name, schema in functions.items()], ['{"name": "']


def _mistral(functions: dict[str, Any], mark: Any) -> tuple[list[Tag], list[Grammar]]:
    begin = mark("[TOOL_CALLS]")
    call = {"anyOf": [_call(name, id="^[a-zA-Z0-9]{9}$") for name in functions]}
    calls = _calls({"type": "array", "items": call, "minItems": 1}, functions)
    return [Tag(begin, text(" ").optional() + calls)], [begin]


def _mistral_args(functions: dict[str, Any], mark: Any) -> tuple[list[Tag], list[Grammar]]:
    begin = mark("[TOOL_CALLS]")
    return [Tag(begin + name + mark("[ARGS]"), schema) for name, schema in functions.items()], [begin]


_ENVELOPES: Final[dict[str, Any]] = {
    "hermes": _hermes,
    "llama3_json": _llama3_json,
    "mistral": _mistral,
    "mistral_args": _mistral_args,
}


def _call(name: str, id: str | None = None) -> dict[str, Any]:
    properties: dict[str, Any] = {"name": {"const": name}, "arguments": {"$ref": _uri(name)}}
    if id is not None:
        properties["id"] = {"type": "string", "pattern": id}
    return {
        "type": "object",
        "properties": properties,
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _calls(envelope: dict[str, Any], functions: dict[str, Any]) -> Grammar:
    """The envelope around the functions' schemas, each a document of its own, which its references stay in."""
    return json_schema(envelope, resources={_uri(name): schema for name, schema in functions.items()})


def _uri(name: str) -> str:
    return f"tool:///{quote(name, safe='')}"


def _functions(tools: list[Any]) -> dict[str, Any]:
    """The schema of the arguments of every function, by its name."""
    if not tools:
        raise GrammarError("tool_calls needs at least one tool", pointer="")
    functions: dict[str, Any] = {}
    for index, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, Mapping) else None
        if not isinstance(function, Mapping) or tool.get("type", "function") != "function":
            raise GrammarError(
                'a tool is an object with type "function" and a function', pointer=f"/{index}", text=repr(tool)
            )
        name = function.get("name")
        if not isinstance(name, str) or not name:
            raise GrammarError("a function needs a name", pointer=f"/{index}/function/name", text=repr(name))
        if name in functions:
            raise GrammarError("two functions have this name", pointer=f"/{index}/function/name", text=name)
        schema = function.get("parameters")
        schema = {"type": "object", "properties": {}, "additionalProperties": False} if schema is None else schema
        try:
            json_schema(schema)
        except GrammarError as error:
            pointer = f"/{index}/function/parameters{error.pointer or ''}"
            raise GrammarError(error.message, pointer=pointer, text=error.text, hint=error.hint) from None
        functions[name] = schema
    return functions


def _chosen(functions: dict[str, Any], tool_choice: Any) -> dict[str, Any]:
    if tool_choice in ("auto", "required"):
        return functions
    function = tool_choice.get("function") if isinstance(tool_choice, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    if name not in functions:
        raise GrammarError(
            'tool_choice is "auto", "required" or a tool, as {"type": "function", "function": {"name": ...}}',
            text=repr(tool_choice),
            hint=f"Tools: {', '.join(functions)}. Without tools, leave the grammar out.",
        )
    return {name: functions[name]}
