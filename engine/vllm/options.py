"""One group of particles as it travels in a request: `SamplingParams.extra_args["tamis"]`.

The wire form is a dict of plain values, because it may cross processes as MessagePack; it is parsed once, here, and
unknown or impossible entries are refused.  The scheduler adds a second entry, `PARTICLE_KEY`, to the requests it
makes itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import InputError, shown
from ..estimators import NAMES, Estimator
from ..methods import ATTEMPTS, METHODS
from ..resampling import SCHEMES
from ..stops import check_stops
from ..target import Target

GROUP_KEY = "tamis"
PARTICLE_KEY = "tamis_particle"

# Most of what counts tokens: more than any vocabulary has, and sums of a few of them stay far from 64 bits.
_MOST_TOKENS = (1 << 31) - 1

# Particles, each attempt counted, have 32-bit numbers; the largest is the group's own.
_MOST_PARTICLES = (1 << 32) - 1

# Largest unsigned integer that MessagePack carries.
_WORD = (1 << 64) - 1

_CONSTRAINT_KINDS: dict[str, dict[str, type]] = {
    "anything": {"kind": str},
    "grammar": {"kind": str, "spec": dict},
    "registered": {"kind": str, "id": str, "process": int},
}


@dataclass(frozen=True, slots=True)
class GroupOptions:
    """All that AWRS and SMC need to know about one group.

    Attributes:
        constraint: description made by `constraints.describe`.
        method: one of `methods.METHODS`.
        particles: N, at least 1.
        seed, request: with the particle's number and the step, the key of all random numbers.
        target: temperature and truncation of each row.
        estimator: weight estimator of AWRS.
        ess_threshold: resample when ESS < threshold * N; 0 never resamples.
        attempts: how often a particle is drawn at most; 1 unless the method restarts particles.
        resampling: name of the resampling scheme.
        complete_after: tokens after which a particle is completed by force (see `completion`); None never does.
        min_tokens: strings have at least so many tokens before their end token.
        ignore_eos: no end token is ever drawn; particles count when they are cut at max_tokens.
        early_stop: the share of the weight from which on, once finished particles hold it, the others are given up; 1
            waits for all.
        stop: stop strings, see `stops`.
        eos: token ids that end a string; None leaves them to the model's configuration.
        prefix: bytes of a token that was taken back from the prompt; strings are those of the constraint behind them.
        stream: whether the scheduler reads out text as it settles.
        trace: whether the answer tells the run's history.
        critic: description of a critic made by `constraints.describe_critic`, or None.
    """

    constraint: Mapping[str, Any]
    method: str = "awrs"
    particles: int = 1
    seed: int = 0
    request: int = 0
    target: Target = field(default_factory=Target)
    estimator: Estimator = field(default_factory=Estimator)
    ess_threshold: float = 0.5
    resampling: str = "systematic"
    attempts: int = 1
    complete_after: int | None = None
    min_tokens: int = 0
    ignore_eos: bool = False
    early_stop: float = 1.0
    stop: tuple[str, ...] = ()
    eos: tuple[int, ...] | None = None
    prefix: bytes = b""
    stream: bool = False
    trace: bool = False
    critic: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Refuse what no request could mean."""
        _described("constraint", self.constraint, _CONSTRAINT_KINDS)
        if not isinstance(self.method, str) or self.method not in METHODS:
            raise InputError(f"unknown method {shown(self.method)}; known are {', '.join(METHODS)}")
        _integer("particles", self.particles, least=1)
        _integer("attempts", self.attempts, least=1, most=_MOST_TOKENS)
        _integer("min_tokens", self.min_tokens, least=0, most=_MOST_TOKENS)
        for name, flag in (("trace", self.trace), ("stream", self.stream)):
            if not isinstance(flag, bool):
                raise InputError(f"{name} must be True or False, got {shown(flag)}")
        if not isinstance(self.ignore_eos, bool):
            raise InputError(f"ignore_eos must be True or False, got {shown(self.ignore_eos)}")
        if self.ignore_eos and self.min_tokens:
            raise InputError("ignore_eos draws no end token at all; drop min_tokens")
        if self.complete_after is not None:
            _integer("complete_after", self.complete_after, least=1, most=_MOST_TOKENS)
            if self.ignore_eos or METHODS[self.method].restarts or METHODS[self.method].draw == "FREE":
                why = "ignore_eos" if self.ignore_eos else f"method={self.method!r}"
                raise InputError(f"strings cannot be completed by force under {why}; drop either")
            if self.min_tokens > self.complete_after:
                raise InputError(f"min_tokens={self.min_tokens} exceeds max_tokens={self.complete_after}")
        share = self.early_stop
        if not isinstance(share, (int, float)) or isinstance(share, bool) or not 0 < share <= 1:
            raise InputError(f"early_stop must be a number in (0, 1], got {shown(share)}")
        if share < 1 and (self.ignore_eos or not METHODS[self.method].weighted or METHODS[self.method].restarts):
            why = "ignore_eos" if self.ignore_eos else f"method={self.method!r}"
            raise InputError(
                f"early_stop looks at weights of finished particles, which {why} does not have; drop either"
            )
        if share < 1 and self.target.greedy:
            raise InputError("at temperature 0 nothing is weighed, so that early_stop has no meaning; drop early_stop")
        if self.stop and (self.min_tokens or self.ignore_eos):
            raise InputError("stop strings cannot be combined with min_tokens or ignore_eos; drop either")
        if self.particles * self.attempts > _MOST_PARTICLES:
            raise InputError(f"particles * attempts must be below 2**32, got {self.particles} * {self.attempts}")
        if self.critic is not None:
            _described("critic", self.critic, {"registered": _CONSTRAINT_KINDS["registered"]})
            if not METHODS[self.method].weighted or METHODS[self.method].restarts:
                raise InputError(f"method={self.method!r} weighs nothing, so that a critic has no effect; drop critic")
            if self.target.greedy:
                raise InputError("at temperature 0 nothing is weighed, so that a critic has no effect; drop critic")
        if self.target.greedy and METHODS[self.method].draw == "MODEL":
            raise InputError(
                f"method={self.method!r} draws from the model's own row, and at temperature 0 there is nothing to "
                f"draw: use another temperature, or method 'awrs', 'lcd' or 'base'"
            )
        _integer("seed", self.seed, most=_WORD)
        _integer("request", self.request, least=0, most=_WORD)
        threshold = self.ess_threshold
        if not isinstance(threshold, (int, float)) or isinstance(threshold, bool) or not 0 <= threshold <= 1:
            raise InputError(f"ess_threshold must be a number in [0, 1], got {shown(threshold)}")
        if not isinstance(self.resampling, str) or self.resampling not in SCHEMES:
            raise InputError(f"unknown resampling scheme {self.resampling!r}; known are {', '.join(SCHEMES)}")
        if self.eos is not None:
            if not self.eos:
                raise InputError("eos must name at least one token id, or be None for the model's own")
            for token in self.eos:
                _integer("eos", token, least=0)

    def to_wire(self) -> dict[str, Any]:
        """The dict for `extra_args["tamis"]`."""
        return {
            # Not copied: the description of a registered constraint keeps it alive (`constraints.describe`).
            "constraint": self.constraint,
            "method": self.method,
            "particles": self.particles,
            "seed": self.seed,
            "request": self.request,
            "temperature": self.target.temperature,
            "top_p": self.target.top_p,
            "top_k": self.target.top_k,
            "min_p": self.target.min_p,
            **(
                {"estimator": self.estimator.name, "tail_checks": self.estimator.tail_checks}
                if self.method == "awrs"
                else {}
            ),
            **({} if METHODS[self.method].ess_threshold is None else {"ess_threshold": self.ess_threshold}),
            "resampling": self.resampling,
            **({"attempts": self.attempts} if METHODS[self.method].restarts else {}),
            "eos": None if self.eos is None else list(self.eos),
            **({"min_tokens": self.min_tokens} if self.min_tokens else {}),
            **({"ignore_eos": True} if self.ignore_eos else {}),
            **({"early_stop": self.early_stop} if self.early_stop < 1 else {}),
            **({"complete_after": self.complete_after} if self.complete_after is not None else {}),
            **({"stop": list(self.stop)} if self.stop else {}),
            **({"prefix": self.prefix.hex()} if self.prefix else {}),
            **({"stream": True} if self.stream else {}),
            **({"trace": True} if self.trace else {}),
            **({"critic": self.critic} if self.critic is not None else {}),
        }

    @classmethod
    def from_wire(cls, wire: Any) -> GroupOptions:
        """Parse and check the dict of a request.

        Raises:
            InputError: names the entry.
        """
        if not isinstance(wire, Mapping):
            raise InputError(f"extra_args[{GROUP_KEY!r}] must be a dict, got {type(wire).__name__}")
        unknown = sorted(str(key) for key in wire if key not in _WIRE_KEYS)
        if unknown:
            raise InputError(f"unknown entries in extra_args[{GROUP_KEY!r}]: {', '.join(unknown)}; known are {_KNOWN}")
        return make_options(**{"constraint": {"kind": "anything"}, **wire})


_WIRE_KEYS = (
    *("constraint", "method", "particles", "seed", "request", "temperature", "top_p", "top_k", "min_p"),
    *("estimator", "tail_checks", "ess_threshold", "resampling", "attempts", "stream", "trace", "critic"),
    *("complete_after", "min_tokens", "ignore_eos", "early_stop", "stop", "eos", "prefix"),
)
_KNOWN = ", ".join(_WIRE_KEYS)


def make_options(
    *,
    constraint: Mapping[str, Any],
    method: str = "awrs",
    particles: int = 1,
    seed: int = 0,
    request: int = 0,
    temperature: float = 1.0,
    top_p: float = 1.0,
    top_k: int = 0,
    min_p: float = 0.0,
    estimator: str | None = None,
    tail_checks: int | None = None,
    ess_threshold: float | None = None,
    resampling: str = "systematic",
    attempts: int | None = None,
    complete_after: int | None = None,
    min_tokens: int = 0,
    ignore_eos: bool = False,
    early_stop: float = 1.0,
    stop: str | Sequence[str] | None = None,
    eos: Sequence[int] | None = None,
    prefix: str = "",
    stream: bool = False,
    trace: bool = False,
    critic: Mapping[str, Any] | None = None,
) -> GroupOptions:
    """Group options out of flat arguments, as `Engine.generate` and the wire have them; `prefix` is in hexadecimal.

    What is None gets the method's default; what a method has no use for is refused.

    Raises:
        InputError: names the argument and its range.
    """
    for name, value in (("temperature", temperature), ("top_p", top_p), ("min_p", min_p)):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(_float(name, value)):
            raise InputError(f"{name} must be a number, got {shown(value)}")
    _integer("top_k", top_k, least=0, most=_MOST_TOKENS)
    if tail_checks is not None:
        _integer("tail_checks", tail_checks, least=1, most=_MOST_TOKENS)
    if estimator is not None and not isinstance(estimator, str):
        raise InputError(f"estimator must be one of {', '.join(NAMES)}, got {shown(estimator)}")
    how = METHODS.get(method) if isinstance(method, str) else None
    if how is not None:
        _refuse_unused(method, "weighs nothing by checks", estimator=estimator, tail_checks=tail_checks)
        if how.ess_threshold is None:
            _refuse_unused(method, "never resamples", ess_threshold=ess_threshold)
        if not how.restarts:
            _refuse_unused(method, "draws every particle once", attempts=attempts)
        if ess_threshold is None:
            ess_threshold = how.ess_threshold or 0.0
        if attempts is None:
            attempts = ATTEMPTS if how.restarts else 1
    try:
        target = Target(float(temperature), float(top_p), top_k, float(min_p))
        weighing = Estimator(estimator or "auto", tail_checks)
    except ValueError as error:
        raise InputError(str(error)) from error
    ends = None if eos is None else eos_ids(eos)
    try:
        before = bytes.fromhex(prefix)
    except (TypeError, ValueError):
        raise InputError(f"prefix must be bytes in hexadecimal, got {shown(prefix)}") from None
    return GroupOptions(
        constraint=constraint,
        method=method,
        particles=particles,
        seed=seed,
        request=request,
        target=target,
        estimator=weighing,
        ess_threshold=0.0 if ess_threshold is None else ess_threshold,
        resampling=resampling,
        attempts=1 if attempts is None else attempts,
        complete_after=complete_after,
        min_tokens=min_tokens,
        ignore_eos=ignore_eos,
        early_stop=early_stop,
        stop=check_stops(stop),
        eos=ends,
        prefix=before,
        stream=stream,
        trace=trace,
        critic=critic,
    )


def _refuse_unused(method: str, why: str, **arguments: Any) -> None:
    """Raise InputError for an argument that is given although the method has no use for it."""
    if method == "awrs" and "estimator" in arguments:
        return
    for name, value in arguments.items():
        if value is not None:
            raise InputError(f"method={method!r} {why}; drop {name}")


def eos_ids(eos: Any) -> tuple[int, ...]:
    """The token ids of an argument `eos`.

    Raises:
        InputError: it is no list of integers that could be token ids.
    """
    if not isinstance(eos, (list, tuple)):
        raise InputError(f"eos must be a list of token ids, got {shown(eos)}")
    for token in eos:
        _integer("eos", token, least=0)
    return tuple(eos)


def check_max_tokens(max_tokens: Any) -> None:
    """Raise InputError unless it is an integer of at least 1."""
    _integer("max_tokens", max_tokens, least=1)


def _float(name: str, value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise InputError(f"{name} must be a number of ordinary size, got {shown(value)}") from None


def _integer(name: str, value: Any, least: int | None = None, most: int = (1 << 63) - 1) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{name} must be an integer, got {shown(value)}")
    if least is not None and value < least:
        raise InputError(f"{name} must be at least {least}, got {shown(value)}")
    if not -(1 << 63) <= value <= most:
        raise InputError(f"{name} must fit into {32 if most == _MOST_TOKENS else 64} bits, got {shown(value)}")


def _described(what: str, description: Any, kinds: Mapping[str, Mapping[str, type]]) -> None:
    """Raise InputError unless it is a description of one of these kinds, with the entries of that kind."""
    fields = kinds.get(str(description.get("kind"))) if isinstance(description, Mapping) else None
    if fields is None:
        raise InputError(f"{what} must be a dict whose kind is one of {', '.join(kinds)}")
    for name, kind in fields.items():
        if not isinstance(description.get(name), kind):
            raise InputError(f"{what} of kind {description['kind']!r} needs {name!r} of type {kind.__name__}")
    for name in description:
        if name not in fields:
            raise InputError(f"{what} of kind {description['kind']!r} has no entry {name!r}")
