"""The arguments of one call of `Engine.generate`, as far as they can be judged without a model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import InputError, shown
from ..healing import check_heals
from ..prompts import as_batch
from ..stops import check_stops
from .constraints import check_compiles, describe, describe_critic, release
from .options import GroupOptions, check_max_tokens, make_options


@dataclass(frozen=True, slots=True)
class Call:
    """Prompts as the caller gave them, `single` if it was one and no list, and the options of each one's group."""

    single: bool
    prompts: list[Any]
    groups: list[GroupOptions]


@contextlib.contextmanager
def prepared(
    prompts: Any,
    grammar: Any,
    *,
    max_tokens: int = 256,
    eos: Any = None,
    heal: Any = False,
    progress: Any = False,
    critic: Any = None,
    stop: Any = None,
    at_max_tokens: Any = "drop",
    on_text: Any = None,
    **settings: Any,
) -> Iterator[Call]:
    """Check the arguments of `Engine.generate` and compile the grammars; constraints stay registered within the block.

    Args:
        prompts, grammar, max_tokens, eos, heal, progress, critic, stop, at_max_tokens, on_text:
            see `Engine.generate`.
        **settings: the rest of its arguments; they go to `make_options`.

    Raises:
        InputError, GrammarError, AutomatonLimitError: an argument cannot be used.
    """
    check_max_tokens(max_tokens)
    if at_max_tokens not in ("drop", "complete"):
        raise InputError(f"at_max_tokens must be 'drop' or 'complete', got {shown(at_max_tokens)}")
    complete_after = max_tokens if at_max_tokens == "complete" else None
    if not isinstance(progress, bool) and not callable(progress):
        raise InputError(f"progress must be a bool or a function of a Progress, got {shown(progress)}")
    if on_text is not None and not callable(on_text):
        raise InputError(f"on_text must be a function of a position and a text, got {shown(on_text)}")
    if not isinstance(heal, bool):
        raise InputError(f"heal must be True or False, got {shown(heal)}")
    single, batch = as_batch(prompts)
    described: dict[int, dict[str, Any]] = {}
    weighing = describe_critic(critic)
    try:
        groups = []
        for request, item in enumerate(_per_prompt(grammar, len(batch))):
            if id(item) not in described:
                if heal:
                    check_heals(item)
                described[id(item)] = describe(item)
                check_compiles(described[id(item)], check_stops(stop))
            options = make_options(
                constraint=described[id(item)],
                request=request,
                eos=eos,
                critic=weighing,
                stop=stop,
                complete_after=complete_after,
                stream=on_text is not None,
                **settings,
            )
            groups.append(options)
        yield Call(single, batch, groups)
    finally:
        for description in (*described.values(), *((weighing,) if weighing is not None else ())):
            release(description)


def check_call(prompts: Any, grammar: Any, **options: Any) -> None:
    """Raise what `Engine.generate` would say of these arguments, before any model is loaded for them.

    Raises:
        InputError, GrammarError, AutomatonLimitError: see `prepared`.
        TypeError: `Engine.generate` has no such argument.
    """
    from ..engine import GenerateOptions

    unknown = sorted(set(options) - set(GenerateOptions.__annotations__))
    if unknown:
        raise TypeError(f"generate() has no argument {', '.join(unknown)}")
    with prepared(prompts, grammar, **options):
        pass


def _per_prompt(grammar: Any, count: int) -> list[Any]:
    if not isinstance(grammar, (list, tuple)):
        return [grammar] * count
    if len(grammar) != count:
        raise InputError(f"{len(grammar)} grammars for {count} prompts; pass one grammar, or one per prompt")
    return list(grammar)
