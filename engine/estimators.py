"""Importance weights from tested tokens: what one row and one constraint contribute to a particle's weight.

Notation: the tokens x_0, x_1, ... of a row in the order of testing (sampling without replacement), their unnormalised
probabilities `weights`, the mass left before each draw `before` (so before[0] is the mass of the row), and the
constraint's answers `ok`. x_k is the first accepted token, the one that is returned. Every estimator w is properly
weighted, E[w 1{x_k = a}] = p(a) ok(a). Des Raj's w is even unbiased for the allowed mass given every path to x_k,
which is why it may be replaced by the exact mass half way; the other two are unbiased over all paths only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .kernel import kernel

DES_RAJ = 0
PAPER = 1
GEOMETRIC = 2

_KINDS = {"des_raj": DES_RAJ, "recursive": DES_RAJ, "paper": PAPER, "geometric": GEOMETRIC}
NAMES = tuple(_KINDS)

_TAIL_CHECKS = 8


@dataclass(frozen=True, slots=True)
class Estimator:
    """How weights are estimated, and how many checks a row may cost before its mask is asked for.

    name: "des_raj" (tests `tail_checks` more tokens of the same order after the accepted one; Des Raj, "Some
        estimators in sampling with varying probabilities without replacement", JASA 1956), "recursive" (the same with
        one tail check), "paper" (two rounds, (1 - psi_0) / (n + 1); Lipkin et al., "Fast controlled generation from
        language models with adaptive weighted rejection sampling", 2025) or "geometric" (two rounds in which rejected
        tokens are counted as often as sampling with replacement would have met them; 1 / (n + 1)).
    tail_checks: at least 1, by default 8, for "des_raj"; None, and nothing else, for the others. Doubling it divides
        the variance of a weight by about two, and a test in an automaton costs next to nothing; lower it where the
        constraint is slow.
    budget: checks after which the search goes on with the constraint's mask instead; it never cuts the search.
    Raises ValueError that names the field.
    """

    name: str = "des_raj"
    tail_checks: int | None = None
    budget: int = 256

    def __post_init__(self) -> None:
        """Refuse unknown names, numbers out of range and numbers that the estimator has no use for."""
        if self.name not in _KINDS:
            raise ValueError(f"unknown estimator {self.name!r}; known: {', '.join(NAMES)}")
        if self.tail_checks is None:
            object.__setattr__(self, "tail_checks", _TAIL_CHECKS if self.name == "des_raj" else None)
        elif isinstance(self.tail_checks, bool) or not isinstance(self.tail_checks, int) or self.tail_checks < 1:
            raise ValueError(f"tail_checks must be an integer of at least 1, got {self.tail_checks!r}")
        elif self.name != "des_raj":
            raise ValueError(
                f"estimator {self.name!r} takes no tail_checks, got tail_checks={self.tail_checks}: "
                "leave tail_checks out (None), or use estimator 'des_raj'"
            )
        if isinstance(self.budget, bool) or not isinstance(self.budget, int) or self.budget < 1:
            raise ValueError(f"budget must be an integer of at least 1, got {self.budget!r}")

    @property
    def kind(self) -> int:
        """DES_RAJ, PAPER or GEOMETRIC."""
        return _KINDS[self.name]

    @property
    def tail(self) -> int:
        """Tokens to test after the accepted one (0 where the number is random)."""
        if self.name == "recursive":
            return 1
        return self.tail_checks or 0


@kernel
def des_raj_weight(
    weights: NDArray[np.float64],
    before: NDArray[np.float64],
    ok: NDArray[np.bool_],
    k: int,
    tested: int,
    everything: bool,
) -> float:
    """Des Raj's estimate of the allowed mass over the mass of the row, from x_0 ... x_{tested - 1}.

    With A the accepted mass among x_{k+1} ... x_{j-1}, test j estimates the allowed mass after x_k by
    A + before[j] ok[j], and the estimates are averaged (`before` already is what is left, so nothing is ever computed
    as one minus a sum near one). `tested` may depend on the row and on the path up to x_k only. If the tests covered
    `everything`, A itself is exact.
    """
    accepted = 0.0
    estimates = 0.0
    for j in range(k + 1, tested):
        if ok[j]:
            estimates += accepted + before[j]
            accepted += weights[j]
        else:
            estimates += accepted
    tail = 0.0
    if everything:
        tail = accepted
    elif tested > k + 1:
        tail = estimates / (tested - k - 1)
    return float((weights[k] + tail) / before[0])


@kernel
def second_round_end(
    weights: NDArray[np.float64],
    before: NDArray[np.float64],
    ok: NDArray[np.bool_],
    k: int,
    tested: int,
    drawn: int,
    everything: bool,
    coins: NDArray[np.float64],
) -> tuple[int, bool]:
    """Where the second round of "paper" and "geometric" ends.

    The round draws from what is left together with x_k: at position j > k it meets x_k again with probability
    weights[k] / (weights[k] + before[j]), decided by coins[j], and x_j otherwise; it ends with x_k or an accepted x_j.
    x_j is known for j < drawn, ok[j] for j < tested; `everything`: nothing is left after the drawn tokens.
    Returns (j, True) if it ends at j, (j, False) if it is waiting for the draw or the test of x_j.
    """
    for j in range(k + 1, drawn):
        if coins[j] * (weights[k] + before[j]) < weights[k]:
            return j, True
        if j >= tested:
            return j, False
        if ok[j]:
            return j, True
    return drawn, everything


@kernel
def paper_weight(before: NDArray[np.float64], k: int, end: int) -> float:
    """(1 - psi_0) / (n + 1): psi_0 the mass rejected before x_k, n the rejections of both rounds."""
    return float(before[k] / before[0] / end)


@kernel
def _repeats(uniform: float, left: float, total: float) -> float:
    """Draws with replacement that hit removed tokens before one hits what is left: geometric, from a uniform."""
    if left >= total:
        return 0.0
    return float(np.floor(np.log(uniform) / np.log1p(-left / total)))


@kernel
def geometric_weight(
    weights: NDArray[np.float64],
    before: NDArray[np.float64],
    k: int,
    end: int,
    drawn: int,
    repeats: NDArray[np.float64],
) -> float:
    """1 / (n + 1), n the rejections that two rounds of sampling with replacement would have seen.

    The negative binomial's unbiased estimate (accepted - 1) / (drawn - 1) for two acceptances. `repeats` holds one
    uniform per position for the tokens met again.
    """
    rejections = np.float64(end - 1)
    for j in range(k + 1):
        rejections += _repeats(repeats[j], before[j], before[0])
    for j in range(k + 1, end + 1):
        left = before[j] if j < drawn else 0.0
        rejections += _repeats(repeats[j], weights[k] + left, before[0])
    return 1.0 / (rejections + 1.0)
