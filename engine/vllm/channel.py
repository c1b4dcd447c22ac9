"""What the worker tells the scheduler about one drawn token.

Records leave the worker attached to vLLM's ModelRunnerOutput, so they take the same road whether worker and scheduler
share a process or not.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class TokenRecord:
    """One particle, one step.

    Attributes:
        token: the id drawn by AWRS, -1 if the constraint allowed none (the particle is dead).
        log_weight: log of the incremental importance weight, -inf if dead.
        checks: how many tokens the constraint was asked about.
        flags: bit set, see `tamis.engine.awrs`.
        ends: whether the token ends the string although it is no end token: a stop string.
        failed: whether that is because its predicate failed.
        reason: why the particle is dead, where the constraint does not say so itself.
        error: why no token could be drawn (then `token` is -1), else None.
        tokens: all tokens the worker believes this particle has, the new one not included; sent only when
            verification is on.
    """

    token: int
    log_weight: float
    checks: int
    flags: int
    error: str | None = None
    ends: bool = False
    reason: str | None = None
    failed: bool = False
    tokens: tuple[int, ...] | None = None


# Name of the attribute that carries {request id: TokenRecord} on a ModelRunnerOutput.
ATTRIBUTE = "tamis_records"
