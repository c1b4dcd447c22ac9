"""atheris target: a lark grammar and texts.

A text that lark's LALR parser with its contextual lexer takes must be accepted; where nothing is ignored, one that its
Earley parser, which tries every way to cut a text into terminals, does not take must be rejected.
"""

from __future__ import annotations

import lark.lexer
from harness import examine, fuzz, parts
from lark import Lark
from lark.exceptions import LarkError
from tamis.grammars import lark as lark_grammar

LENGTH = 8
lark.lexer.has_interegular = False  # lark's warnings about terminals that overlap can take minutes


def target(data: bytes) -> None:
    source, texts = parts(data)
    examine(lambda: lark_grammar(source), texts, oracle(source))


def oracle(source: str):
    parsers: dict[str, Lark | None] = {}

    def takes(text: str, parser: str, **options) -> bool | None:
        if parser not in parsers:
            try:
                parsers[parser] = Lark(source, parser=parser, **options)
            except Exception:  # lark refuses the grammar, or stumbles over it
                parsers[parser] = None
        made = parsers[parser]
        if made is None:
            return None
        try:
            made.parse(text)
        except LarkError:
            return False
        return True

    def judge(text: str) -> bool | None:
        if len(text) > LENGTH or len(source) > 300:
            return None
        if takes(text, "lalr", lexer="contextual"):
            return True
        if "%ignore" not in source and takes(text, "earley", lexer="dynamic_complete") is False:
            return False
        return None

    return judge


if __name__ == "__main__":
    fuzz(target)
