"""Critics: potentials that weigh strings beside the model and the constraint.

With a critic the target is p(x) phi(x) over the complete strings x that the constraint accepts, and the evidence is the
sum of that. While a string grows, a twist psi guides resampling towards what will be worth much in the end: particles
weigh psi of their prefix instead of phi, so the increment of one step is psi(x<=t) / psi(x<t), and the last one is
phi(x) / psi(x<t). Whatever psi is, the target stays the same, as long as psi is positive wherever phi can still be
(Whiteley and Lee, "Twisted particle filters", Annals of Statistics 2014; Zhao et al., "Probabilistic inference in
language models via twisted sequential Monte Carlo", 2024). Everything here is in logarithms.
"""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .errors import TamisError, shown

_SHOWN = 120


class CriticError(TamisError, RuntimeError):
    """A critic raised, or returned what is no log potential; the message names it and the text, `__cause__` is what it
    raised."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a critic is asked about: the bytes of a string, its tokens without the end token, whether it is complete."""

    data: bytes
    tokens: tuple[int, ...]
    finished: bool


def critic(
    complete: Callable[[Any], Any] | None = None,
    prefix: Callable[[Any], Any] | None = None,
    *,
    on: Literal["text", "bytes", "tokens"] = "text",
    batch: bool = False,
    name: str | None = None,
) -> Critic:
    """A critic from Python functions; see the module for what they mean.

    Args:
        complete: log phi of a complete string, a float below +inf; -inf rules it out.  Left out: phi is 1, and the
            critic is a pure twist, which guides and changes nothing.
        prefix: log psi of a string that has not ended.  Left out: psi is 1, and the critic weighs in the end only.
        on: whether the functions get a str (whole characters only), bytes, or a tuple of token ids.
        batch: whether they get a list of them and return as many numbers, instead of one by one.
        name: what error messages call it.

    Critics multiply: `a * b`; `a ** 0.5` tempers both functions; `a.annealed(schedule)` tempers the twist alone, step
    by step.

    Raises:
        TypeError, ValueError: neither function is given, or an argument is not what it should be.
    """
    if complete is None and prefix is None:
        raise TypeError("a critic needs a function of complete strings, of prefixes, or both")
    for role, function in (("complete", complete), ("prefix", prefix)):
        if function is not None and not callable(function):
            raise TypeError(f"{role} must be a callable, got {shown(function)}")
    if on not in ("text", "bytes", "tokens"):
        raise ValueError(f"on must be 'text', 'bytes' or 'tokens', got {shown(on)}")
    if name is None:
        function = complete or prefix
        name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return Critic((_Factor(complete, prefix, on, bool(batch), name),))


def preference(grammar: Any, penalty: float) -> Critic:
    """A soft constraint: strings that `grammar` does not accept lose `penalty` nats of log weight.

    Prefixes lose them as soon as no member of the grammar begins so. The grammar is compiled as it is used.
    Raises TypeError for what is no grammar, ValueError unless the penalty is positive and finite.
    """
    if not callable(getattr(grammar, "compile", None)):
        raise TypeError(f"a preference needs a grammar, got {shown(grammar)}")
    if isinstance(penalty, bool) or not isinstance(penalty, (int, float)) or not 0 < penalty < math.inf:
        raise ValueError(f"penalty must be a positive number, got {shown(penalty)}")

    def complete(data: bytes) -> float:
        automaton = grammar.compile()
        state = automaton.advance(automaton.start, data)
        return 0.0 if state is not None and automaton.is_complete(state) else -float(penalty)

    def prefix(data: bytes) -> float:
        automaton = grammar.compile()
        return -float(penalty) if automaton.advance(automaton.start, data) is None else 0.0

    return critic(complete, prefix, on="bytes", name=f"preference for a {getattr(grammar, 'kind', 'grammar')}")


@dataclass(frozen=True, slots=True)
class _Factor:
    """One pair of functions; `exponent` tempers both, `schedules` the twist, by the number of tokens."""

    complete: Callable[[Any], Any] | None
    prefix: Callable[[Any], Any] | None
    on: str
    batch: bool
    name: str
    exponent: float = 1.0
    schedules: tuple[Callable[[int], float], ...] = ()

    def add(self, readings: Sequence[Reading], totals: NDArray[np.float64]) -> None:
        """Add the log potentials of `readings` (S,) to `totals` (S,)."""
        for finished, function in ((True, self.complete), (False, self.prefix)):
            asked = [i for i, reading in enumerate(readings) if reading.finished is finished]
            if function is None or not asked:
                continue
            values = self._ask(function, [readings[i] for i in asked])
            for i, value in zip(asked, values, strict=True):
                scale = self.exponent
                if not finished:
                    for schedule in self.schedules:
                        scale *= float(schedule(len(readings[i].tokens)))
                # A scale of 0 is a potential of 1, whatever it scales.
                scaled = scale * value if scale else 0.0
                if math.isnan(scaled) or scaled == math.inf:
                    raise self._failure(f"returned {value}, times {scale} no log potential", [readings[i]])
                totals[i] += scaled

    def _ask(self, function: Callable[[Any], Any], readings: list[Reading]) -> list[float]:
        arguments = [self._argument(reading) for reading in readings]
        try:
            answers = list(function(arguments)) if self.batch else [function(argument) for argument in arguments]
            values = [float(answer) for answer in answers]
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise self._failure(f"raised {type(error).__name__}: {error}", readings) from error
        if len(values) != len(readings):
            raise self._failure(f"returned {len(values)} numbers for {len(readings)} strings", readings)
        for value, reading in zip(values, readings, strict=True):
            if math.isnan(value) or value == math.inf:
                raise self._failure(f"returned {value}, which is no log potential", [reading])
        return values

    def _argument(self, reading: Reading) -> Any:
        if self.on == "tokens":
            return reading.tokens
        if self.on == "bytes":
            return reading.data
        return codecs.utf_8_decode(reading.data, "replace", reading.finished)[0]

    def _failure(self, what: str, readings: list[Reading]) -> CriticError:
        text = readings[0].data.decode("utf-8", errors="backslashreplace")
        text = text if len(text) <= _SHOWN else f"...{text[-_SHOWN:]}"
        return CriticError(f"critic {self.name!r} {what} (for {text!r}{' and others' if len(readings) > 1 else ''})")


@dataclass(frozen=True, slots=True)
class Critic:
    """A product of potentials; see `critic`."""

    factors: tuple[_Factor, ...]

    @property
    def guides(self) -> bool:
        """Whether it says anything of strings that have not ended."""
        return any(factor.prefix is not None for factor in self.factors)

    def log_potentials(self, readings: Sequence[Reading]) -> NDArray[np.float64]:
        """Log potentials (S,) of S strings: phi of the finished ones, psi of the others.

        Raises CriticError.
        """
        totals = np.zeros(len(readings), dtype=np.float64)
        for factor in self.factors:
            factor.add(readings, totals)
        return totals

    def __mul__(self, other: Critic) -> Critic:
        """The product of two critics: log potentials add up."""
        if not isinstance(other, Critic):
            return NotImplemented
        return Critic((*self.factors, *other.factors))

    def __pow__(self, exponent: float) -> Critic:
        """The critic with its log potentials multiplied by a number of at least 0."""
        if isinstance(exponent, bool) or not isinstance(exponent, (int, float)):
            return NotImplemented
        if not 0 <= exponent < math.inf:
            raise ValueError(f"the exponent of a critic must be a number of at least 0, got {shown(exponent)}")
        return Critic(tuple(replace(factor, exponent=factor.exponent * exponent) for factor in self.factors))

    def annealed(self, schedule: Callable[[int], float]) -> Critic:
        """The critic with its twist raised to schedule(number of tokens so far); the target stays the same."""
        if not callable(schedule):
            raise TypeError(f"a schedule must be a callable, got {shown(schedule)}")
        return Critic(tuple(replace(factor, schedules=(*factor.schedules, schedule)) for factor in self.factors))
