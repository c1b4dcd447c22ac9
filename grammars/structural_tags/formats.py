"""The wire formats of structural tags: `{"type": "structural_tag", ...}` of OpenAI-compatible servers.

Two forms are in use: {"structures": [{"begin", "schema", "end"}, ...], "triggers": [...]}, and XGrammar's {"format":
{"type": ...}}, a tree of formats.  Their meaning is XGrammar's: a `tag` whose content is free text ends with the first
end; free text anywhere in its content, save that of a dispatch, does not contain its end; with `at_least_one`,
triggered tags begin with a tag.  It differs in this: regular expressions, GBNF and JSON Schemas are read as everywhere
here, and where several triggers end at one place, the tags of each may follow.
"""

from __future__ import annotations

import functools
import json
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from ..algebra import special, text, within
from ..algebra.expression import Dispatch
from ..errors import GrammarError
from ..gbnf import gbnf
from ..grammar import Grammar
from ..json_schema import json_schema
from ..regex import regex
from . import Tag, content_of, free_text, pattern_of, shown, structural_tags

_NESTING: Final = 100
_Made = TypeVar("_Made")
Ends = tuple[str, ...]


def from_structural_tag(value: Mapping[str, Any] | str) -> Grammar:
    """The grammar of a response format of type "structural_tag", as a dictionary or as JSON text.

    Formats: const_string, json_schema, grammar (GBNF), regex, any_text, token (by name), sequence, or, optional, star,
    plus, repeat, tag, triggered_tags, token_triggered_tags, tags_with_separator, dispatch and token_dispatch. Refused
    by name: token ids, `exclude_token` and `any_tokens`, which depend on a vocabulary; XML styles of schemas; fields
    that no format has. With `any_order`, all keywords of a schema still hold.

    Raises GrammarError with a JSON pointer.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise _refused(f"not a JSON text: {error}", text=str(value)) from None
    if not isinstance(value, Mapping) or value.get("type") != "structural_tag":
        raise _refused('an object of type "structural_tag" is expected', pointer="", text=repr(value))
    if "format" in value:
        fields = _Fields(value, "", {"type", "format"})
        return _format(fields.value["format"], "/format", (), 0)
    fields = _Fields(value, "", {"type", "structures", "triggers"})
    tags = []
    for place, item in fields.items("structures"):
        structure = _Fields(item, place, {"begin", "schema", "end"})
        schema = structure.value.get("schema")
        content = _schema({} if schema is None else schema, f"{place}/schema")
        tags.append(Tag(structure.text("begin"), content, structure.text("end")))
    return _at("", lambda: structural_tags(tags, fields.texts("triggers")))


def _refused(message: str, **where: str | None) -> GrammarError:
    return GrammarError(f"structural_tag: {message}", **where)  # type: ignore[arg-type]


class _Fields:
    """An object of the format: unknown fields are refused, wanted ones have their type."""

    def __init__(self, value: Any, pointer: str, known: set[str]) -> None:
        if not isinstance(value, Mapping):
            raise _refused("an object is expected", pointer=pointer, text=repr(value))
        if unknown := sorted(map(str, set(value) - known)):
            raise _refused(
                f"unknown field {unknown[0]!r}",
                pointer=pointer,
                hint=f"known here: {', '.join(sorted(known))}",
            )
        self.value = value
        self.pointer = pointer

    def _get(self, name: str, kind: type | tuple[type, ...], what: str, default: Any) -> Any:
        value = self.value.get(name, default)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
            raise _refused(f"{name} must be {what}", pointer=f"{self.pointer}/{name}", text=repr(value))
        return value

    def text(self, name: str) -> str:
        value: str = self._get(name, str, "a string", None)
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        value: bool = self._get(name, bool, "true or false", default)
        return value

    def number(self, name: str) -> int:
        value: int = self._get(name, int, "an integer", None)
        return value

    def items(self, name: str) -> list[tuple[str, Any]]:
        """The items of a list that is not empty, with their pointers."""
        values = self._get(name, list, "a list", None)
        if not values:
            raise _refused(f"{name} is empty", pointer=f"{self.pointer}/{name}")
        return [(f"{self.pointer}/{name}/{i}", value) for i, value in enumerate(values)]

    def texts(self, name: str, default: list[str] | None = None) -> list[str]:
        values: list[str] = self._get(name, list, "a list", default)
        for i, value in enumerate(values):
            place = f"{self.pointer}/{name}/{i}"
            if not isinstance(value, str) or not value:
                raise _refused(f"{name} must be strings that are not empty", pointer=place, text=repr(value))
        return values

    def tokens(self, name: str, default: list[str] | None = None) -> list[Grammar]:
        values = self._get(name, list, "a list", default)
        return [_token(value, f"{self.pointer}/{name}/{i}") for i, value in enumerate(values)]

    def format(self, name: str, ends: Ends, depth: int) -> Grammar:
        return _format(self.value.get(name), f"{self.pointer}/{name}", ends, depth)


def _format(value: Any, pointer: str, ends: Ends, depth: int) -> Grammar:
    """The grammar of a format; its free text does not contain `ends`."""
    if depth > _NESTING:
        raise _refused(f"more than {_NESTING} nested formats", pointer=pointer)
    kind = value.get("type") if isinstance(value, Mapping) else None
    if not isinstance(kind, str) or kind not in _FORMATS:
        known = f"Supported: {', '.join(_FORMATS)}."
        raise _refused(f"the format {kind!r} is not supported", pointer=f"{pointer}/type", hint=known)
    read, known_fields = _FORMATS[kind]
    fields = _Fields(value, pointer, {"type", *known_fields})
    return _at(pointer, lambda: read(fields, ends, depth + 1))


def _at(pointer: str, make: Callable[[], _Made]) -> _Made:
    """What `make` makes; errors without a place get the one of the format."""
    try:
        return make()
    except GrammarError as error:
        if error.pointer is not None:
            raise
        raise GrammarError(error.message, pointer=pointer, text=error.text, hint=error.hint) from None


def _schema(value: Any, pointer: str, **options: Any) -> Grammar:
    try:
        return json_schema(value, **options)
    except GrammarError as error:
        place = pointer + (error.pointer or "")
        raise GrammarError(error.message, pointer=place, text=error.text, hint=error.hint) from None


def _token(value: Any, pointer: str) -> Grammar:
    if isinstance(value, Mapping):
        fields = _Fields(value, pointer, {"type", "token"})
        return _token(fields.value.get("token"), f"{pointer}/token")
    if not isinstance(value, str):
        raise _refused("a token is known by its name here, not by its id", pointer=pointer, text=repr(value))
    return _at(pointer, lambda: special(value))


def _json_schema(fields: _Fields, ends: Ends, depth: int) -> Grammar:
    style = fields.value.get("style", "json")
    if style != "json":
        raise _refused(f"the style {style!r} is not supported", pointer=f"{fields.pointer}/style")
    if fields.texts("excludes", []):
        raise _refused("excludes of a schema are not supported", pointer=f"{fields.pointer}/excludes")
    if fields.value.get("max_whitespace_cnt") is not None:
        pointer = f"{fields.pointer}/max_whitespace_cnt"
        raise _refused(
            "max_whitespace_cnt is not supported", pointer=pointer, hint="Runs of blanks are bounded anyway."
        )
    return _schema(
        fields.value.get("json_schema"),
        f"{fields.pointer}/json_schema",
        property_order="any" if fields.flag("any_order") else "declared",
    )


def _any_text(fields: _Fields, ends: Ends, depth: int) -> Grammar:
    grammar = free_text((*fields.texts("excludes", []), *ends))
    if fields.value.get("max_chars") is not None:
        grammar &= regex(rf"[\s\S]{{0,{_natural(fields, 'max_chars')}}}")
    if fields.value.get("max_tokens") is not None:
        most = _natural(fields, "max_tokens")
        grammar = within(grammar, tokens=most) if most else grammar & ""
    return grammar


def _natural(fields: _Fields, name: str) -> int:
    number = fields.number(name)
    if number < 0:
        raise _refused(f"{name} must not be negative", pointer=f"{fields.pointer}/{name}")
    return number


def _elements(fields: _Fields, ends: Ends, depth: int) -> list[Grammar]:
    return [_format(item, place, ends, depth) for place, item in fields.items("elements")]


def _repeat(fields: _Fields, ends: Ends, depth: int) -> Grammar:
    most = fields.number("max")
    return fields.format("content", ends, depth).repeat(fields.number("min"), None if most == -1 else most)


def _read_tag(value: Any, pointer: str, depth: int) -> Tag:
    if isinstance(value, Mapping) and value.get("type", "tag") != "tag":
        raise _refused("a tag is expected", pointer=pointer, text=repr(value.get("type")))
    fields = _Fields(value, pointer, {"type", "begin", "content", "end"})
    begin: Any = fields.value.get("begin")
    begin = _token(begin, f"{pointer}/begin") if isinstance(begin, Mapping) else fields.text("begin")
    end: Any = fields.value.get("end")
    if isinstance(end, Mapping):
        return Tag(begin, fields.format("content", (), depth), _token(end, f"{pointer}/end"))
    texts = fields.texts("end") if isinstance(end, list) else [fields.text("end")]
    if not texts:
        raise _refused("end is empty", pointer=f"{pointer}/end")
    ends = tuple(filter(None, texts))
    content = fields.value.get("content")
    if ends and isinstance(content, Mapping) and content.get("type") == "any_text" and not _limited(content):
        inner = _Fields(content, f"{pointer}/content", {"type", *_FORMATS["any_text"][1]})
        return Tag(begin, free_text(inner.texts("excludes", []), until=ends))
    return Tag(begin, fields.format("content", ends, depth), _either([text(one) for one in texts]))


def _limited(content: Mapping[str, Any]) -> bool:
    return content.get("max_chars") is not None or content.get("max_tokens") is not None


def _either(grammars: list[Grammar]) -> Grammar:
    return functools.reduce(operator.or_, grammars)


def _whole(tag: Tag) -> Grammar:
    """A tag by itself."""
    whole: Grammar = Grammar.of_expression(content_of(tag.begin, "begin")) + tag.content + tag.end  # type: ignore[operator]
    return whole


def _tag(fields: _Fields, ends: Ends, depth: int) -> Grammar:
    return _whole(_read_tag(fields.value, fields.pointer, depth))


def _tags(fields: _Fields, depth: int, begin: type) -> list[Tag]:
    tags = []
    for place, item in fields.items("tags"):
        tags.append(_read_tag(item, place, depth))
        if not isinstance(tags[-1].begin, begin):
            what = "a string" if begin is str else "a token"
            raise _refused(f"begin must be {what} here", pointer=f"{place}/begin")
    return tags


def _triggered(fields: _Fields, ends: Ends, depth: int) -> Grammar:
    tags = _tags(fields, depth, str)
    return _dispatched(fields, tags, fields.texts("triggers"), (*fields.texts("excludes", []), *ends))


def _token_triggered(fields: _Fields, ends: Ends, depth: int) -> Grammar:
    _refuse_excluded_tokens(fields)
    return _dispatched(fields, _tags(fields, depth, Grammar), fields.tokens("trigger_tokens"), ends)


def _dispatched(
    fields: _Fields, tags: list[Tag], triggers: Sequence[Grammar | str], excludes: Sequence[str]
) -> Grammar:
    once = fields.flag("stop_after_first")
    if not fields.flag("at_least_one"):
        return structural_tags(tags, triggers, excludes=excludes, stop_after_first=once)
    rest = structural_tags(tags, triggers, excludes=excludes)
    first = _either([_whole(tag) for tag in tags])
    return first if once else first + rest


def _separated(fields: _Fields, ends: Ends, depth: int) -> Grammar:
    one = _either([_whole(_read_tag(item, place, depth)) for place, item in fields.items("tags")])
    separator = fields.text("separator")
    several = one if fields.flag("stop_after_first") else one + (separator + one).zero_or_more()
    return several if fields.flag("at_least_one") else several.optional()


def _dispatch(fields: _Fields, ends: Ends, depth: int) -> Grammar:
    return _dispatch_to(fields, lambda value, place: value, fields.texts("excludes", []), depth)


def _token_dispatch(fields: _Fields, ends: Ends, depth: int) -> Grammar:
    _refuse_excluded_tokens(fields)
    return _dispatch_to(fields, _token, (), depth)


def _dispatch_to(fields: _Fields, read: Callable[[Any, str], Any], excludes: Sequence[str], depth: int) -> Grammar:
    patterns, contents = [], []
    for place, rule in fields.items("rules"):
        if not isinstance(rule, list) or len(rule) != 2:
            raise _refused("a rule is a pattern and a format", pointer=place, text=repr(rule))
        at = f"{place}/0"
        patterns.append(_at(at, functools.partial(pattern_of, read(rule[0], at), "a pattern")))
        contents.append(content_of(_format(rule[1], f"{place}/1", (), depth), "a format"))
    places = {pattern: number for number, pattern in enumerate(patterns)}
    for number, pattern in enumerate(patterns):
        parts = (pattern[start:end] for start in range(len(pattern)) for end in range(start + 1, len(pattern) + 1))
        inside = next((part for part in parts if places.get(part, number) != number), None)
        if inside is not None:
            raise _refused(
                f"the pattern {shown(inside)} is a part of {shown(pattern)}, which is not supported",
                pointer=f"{fields.pointer}/rules/{number}/0",
            )
    excluded = tuple(pattern_of(one, "an excluded text") for one in excludes)
    once = not fields.flag("loop", True)
    return Grammar.of_expression(Dispatch(tuple(patterns), tuple(contents), excluded, once=once))


def _refuse_excluded_tokens(fields: _Fields) -> None:
    if fields.value.get("exclude_tokens"):
        raise _refused(
            "exclude_tokens is not supported",
            pointer=f"{fields.pointer}/exclude_tokens",
            hint="Free text contains no special token anyway.",
        )


Reader = Callable[[_Fields, Ends, int], Grammar]
_TAGGED: Final = ("tags", "at_least_one", "stop_after_first")
_FORMATS: Final[dict[str, tuple[Reader, tuple[str, ...]]]] = {
    "const_string": (lambda fields, ends, depth: text(fields.text("value")), ("value",)),
    "json_schema": (_json_schema, ("json_schema", "style", "any_order", "max_whitespace_cnt", "excludes")),
    "grammar": (lambda fields, ends, depth: gbnf(fields.text("grammar")), ("grammar",)),
    "regex": (lambda fields, ends, depth: regex(fields.text("pattern")), ("pattern",)),
    "any_text": (_any_text, ("excludes", "max_chars", "max_tokens")),
    "token": (lambda fields, ends, depth: _token(fields.value, fields.pointer), ("token",)),
    "sequence": (lambda *of: functools.reduce(operator.add, _elements(*of)), ("elements",)),
    "or": (lambda *of: _either(_elements(*of)), ("elements",)),
    "optional": (lambda fields, *of: fields.format("content", *of).optional(), ("content",)),
    "star": (lambda fields, *of: fields.format("content", *of).zero_or_more(), ("content",)),
    "plus": (lambda fields, *of: fields.format("content", *of).one_or_more(), ("content",)),
    "repeat": (_repeat, ("min", "max", "content")),
    "tag": (_tag, ("begin", "content", "end")),
    "triggered_tags": (_triggered, (*_TAGGED, "triggers", "excludes")),
    "token_triggered_tags": (_token_triggered, (*_TAGGED, "trigger_tokens", "exclude_tokens")),
    "tags_with_separator": (_separated, (*_TAGGED, "separator")),
    "dispatch": (_dispatch, ("rules", "loop", "excludes")),
    "token_dispatch": (_token_dispatch, ("rules", "loop", "exclude_tokens")),
}
