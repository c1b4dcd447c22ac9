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
from ..resampling import SCHEMES
from ..target import Target

GROUP_KEY = "tamis"
PARTICLE_KEY = "tamis_particle"

# Most of what counts tokens: more than any vocabulary has, and sums of a few of them stay far from 64 bits.
_MOST_TOKENS = (1 << 31) - 1

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
        particles: N, at least 1.
        seed, request: with the particle's number and the step, the key of all random numbers.
        target: temperature and truncation of each row.
        estimator: weight estimator of AWRS.
        ess_threshold: resample when ESS < threshold * N; 0 never resamples.
        resampling: name of the resampling scheme.
        eos: token ids that end a string; None leaves them to the model's configuration.
        prefix: bytes of a token that was taken back from the prompt; strings are those of the constraint behind them.
    """

    constraint: Mapping[str, Any]
    particles: int = 1
    seed: int = 0
    request: int = 0
    target: Target = field(default_factory=Target)
    estimator: Estimator = field(default_factory=Estimator)
    ess_threshold: float = 0.5
    resampling: str = "systematic"
    eos: tuple[int, ...] | None = None
    prefix: bytes = b""

    def __post_init__(self) -> None:
        """Refuse what no request could mean."""
        _constraint(self.constraint)
        _integer("particles", self.particles, least=1)
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
            "particles": self.particles,
            "seed": self.seed,
            "request": self.request,
            "temperature": self.target.temperature,
            "top_p": self.target.top_p,
            "top_k": self.target.top_k,
            "min_p": self.target.min_p,
            "estimator": self.estimator.name,
            "tail_checks": self.estimator.tail_checks,
            "ess_threshold": self.ess_threshold,
            "resampling": self.resampling,
            "eos": None if self.eos is None else list(self.eos),
            **({"prefix": self.prefix.hex()} if self.prefix else {}),
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
    *("constraint", "particles", "seed", "request", "temperature", "top_p", "top_k", "min_p"),
    *("estimator", "tail_checks", "ess_threshold", "resampling", "eos", "prefix"),
)
_KNOWN = ", ".join(_WIRE_KEYS)


def make_options(
    *,
    constraint: Mapping[str, Any],
    particles: int = 1,
    seed: int = 0,
    request: int = 0,
    temperature: float = 1.0,
    top_p: float = 1.0,
    top_k: int = 0,
    min_p: float = 0.0,
    estimator: str = "des_raj",
    tail_checks: int | None = None,
    ess_threshold: float = 0.5,
    resampling: str = "systematic",
    eos: Sequence[int] | None = None,
    prefix: str = "",
) -> GroupOptions:
    """Group options out of flat arguments, as `Engine.generate` and the wire have them; `prefix` is in hexadecimal.

    Raises:
        InputError: names the argument and its range.
    """
    for name, value in (("temperature", temperature), ("top_p", top_p), ("min_p", min_p)):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(_float(name, value)):
            raise InputError(f"{name} must be a number, got {shown(value)}")
    _integer("top_k", top_k, least=0, most=_MOST_TOKENS)
    if tail_checks is not None:
        _integer("tail_checks", tail_checks, least=1, most=_MOST_TOKENS)
    if not isinstance(estimator, str):
        raise InputError(f"estimator must be one of {', '.join(NAMES)}, got {shown(estimator)}")
    try:
        target = Target(float(temperature), float(top_p), top_k, float(min_p))
        weighing = Estimator(estimator) if tail_checks is None else Estimator(estimator, tail_checks)
    except ValueError as error:
        raise InputError(str(error)) from error
    ends = None if eos is None else eos_ids(eos)
    try:
        before = bytes.fromhex(prefix)
    except (TypeError, ValueError):
        raise InputError(f"prefix must be bytes in hexadecimal, got {shown(prefix)}") from None
    return GroupOptions(constraint, particles, seed, request, target, weighing, ess_threshold, resampling, ends, before)


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


def _constraint(constraint: Any) -> None:
    fields = _CONSTRAINT_KINDS.get(str(constraint.get("kind"))) if isinstance(constraint, Mapping) else None
    if fields is None:
        raise InputError(f"constraint must be a dict whose kind is one of {', '.join(_CONSTRAINT_KINDS)}")
    for name, kind in fields.items():
        if not isinstance(constraint.get(name), kind):
            raise InputError(f"constraint of kind {constraint['kind']!r} needs {name!r} of type {kind.__name__}")
    for name in constraint:
        if name not in fields:
            raise InputError(f"constraint of kind {constraint['kind']!r} has no entry {name!r}")
