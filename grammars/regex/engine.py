"""What one-character expressions of the regex package match: asked of the package itself, so that classes, properties
and case agree with it by construction, whatever its version of Unicode."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Final

import regex

from .charsets import MAX_CODE, Ranges, cased, normalise

# The flags that matter to one character.
_FLAGS: Final = {"i": regex.IGNORECASE, "a": regex.ASCII, "V1": regex.VERSION1}


def compiled(source: str, flags: Iterable[str]) -> regex.Pattern[str]:
    """The pattern as the package compiles it, under the flags that matter to one character; raises regex.error."""
    bits = functools.reduce(lambda bits, flag: bits | _FLAGS.get(flag, 0), flags, 0)
    if "V1" in flags:
        # Full case folding, which version 1 has by default, may match several characters; they are the caller's.
        source = f"(?-f:{source})"
    return regex.compile(source, bits, cache_pattern=False)


@functools.cache
def _every() -> str:
    return "".join(map(chr, range(MAX_CODE + 1)))


@functools.lru_cache(maxsize=512)
def matched(source: str, flags: frozenset[str]) -> Ranges:
    """The characters that the expression `source`, for one character, matches under `flags`."""
    found = compiled(f"{source}+", flags).finditer(_every())
    return normalise((match.start(), match.end() - 1) for match in found)


@functools.lru_cache(maxsize=4096)
def same_letter(character: str, flags: frozenset[str]) -> Ranges:
    """The characters that `character` matches where case is ignored."""
    others = compiled(regex.escape(character), flags | {"i"}).findall(_changing())
    return normalise((ord(other), ord(other)) for other in [character, *others])


@functools.cache
def _changing() -> str:
    """Every character that may have another case, to Python or to the package."""
    package = matched(r"[\p{Changes_When_Casemapped}\p{Changes_When_Casefolded}]", frozenset())
    return "".join(sorted({*cased(), *(chr(code) for low, high in package for code in range(low, high + 1))}))


@functools.cache
def letters() -> list[tuple[int, ...]]:
    """The sets of characters that are the same where case is ignored, but for those of one member. (The package takes
    dotted and dotless i for the same as i in part; here they stay apart.)"""
    seen: set[int] = {0x130, 0x131}
    found = []
    for character in _changing():
        if ord(character) not in seen:
            codes = [code for low, high in same_letter(character, frozenset()) for code in range(low, high + 1)]
            found.append(tuple(code for code in codes if code not in (0x130, 0x131)))
            seen.update(codes)
    return [codes for codes in found if len(codes) > 1]
