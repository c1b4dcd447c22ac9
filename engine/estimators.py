"""Importance weights from tested tokens: what one row and one constraint contribute to a particle's weight.

Notation: the tokens x_0, x_1, ... of a row in the order of testing (sampling without replacement), their unnormalised
probabilities `weights`, the mass left before each draw `before` (so before[0] is the mass of the row), and the
constraint's answers `ok`. x_k is the first accepted token, the one that is returned. Every estimator w is properly
weighted, E[w 1{x_k = a}] = p(a) ok(a). Murthy's and Des Raj's w are even unbiased for the allowed mass given every path
to x_k, which is why they may be replaced by the exact mass half way, and why the number of later tests may depend on
that path; the other two are unbiased over all paths only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .kernel import kernel

DES_RAJ = 0
MURTHY = 1
PAPER = 2
GEOMETRIC = 3
EXACT = 4
AUTO = 5

_KINDS = {
    "auto": AUTO,
    "exact": EXACT,
    "murthy": MURTHY,
    "des_raj": DES_RAJ,
    "recursive": DES_RAJ,
    "paper": PAPER,
    "geometric": GEOMETRIC,
}
NAMES = tuple(_KINDS)
_TAILED = ("auto", "murthy", "des_raj")

_TAIL_CHECKS = 8


@dataclass(frozen=True, slots=True)
class Estimator:
    """How weights are estimated, and how many checks a row may cost before its mask is asked for.

    name:
        "exact": the allowed mass of the whole row, from the constraint's mask; no variance, no checks.
        "murthy": tests more tokens of the same order after the accepted one, and symmetrises over the order in which
            they came (Murthy, "Ordered and unordered estimators in sampling without replacement", Sankhya 1957).
        "des_raj": the same tests, averaged in their order (Des Raj, "Some estimators in sampling with varying
            probabilities without replacement", JASA 1956); "recursive" is the same with one test.
        "paper": two rounds, (1 - psi_0) / (n + 1) (Lipkin et al., "Fast controlled generation from language models
            with adaptive weighted rejection sampling", 2025).
        "geometric": two rounds in which rejected tokens are counted as often as sampling with replacement would have
            met them, 1 / (n + 1).
        "auto": by a fixed rule, see `awrs`: "exact" under constraints whose masks are cheap, unless the row is so
            peaked that two tests settle it; "murthy" under all others.
    tail_checks: at least 1, by default 8, for "des_raj", "murthy" and "auto"; None, and nothing else, for the others.
        "des_raj" tests as many tokens after the accepted one, the other two at most as many: fewer where the accepted
        token leaves little mass open (`tail_tests`). Doubling it divides the variance of a weight by about two, and a
        test in an automaton costs next to nothing; lower it where the constraint is slow.
    budget: checks after which the search goes on with the constraint's mask instead; it never cuts the search.
    Raises ValueError that names the field.
    """

    name: str = "auto"
    tail_checks: int | None = None
    budget: int = 256

    def __post_init__(self) -> None:
        """Refuse unknown names, numbers out of range and numbers that the estimator has no use for."""
        if self.name not in _KINDS:
            raise ValueError(f"unknown estimator {self.name!r}; known: {', '.join(NAMES)}")
        if self.tail_checks is None:
            object.__setattr__(self, "tail_checks", _TAIL_CHECKS if self.name in _TAILED else None)
        elif isinstance(self.tail_checks, bool) or not isinstance(self.tail_checks, int) or self.tail_checks < 1:
            raise ValueError(f"tail_checks must be an integer of at least 1, got {self.tail_checks!r}")
        elif self.name not in _TAILED:
            raise ValueError(
                f"estimator {self.name!r} takes no tail_checks, got tail_checks={self.tail_checks}: "
                f"leave tail_checks out (None), or use one of {', '.join(_TAILED)}"
            )
        if isinstance(self.budget, bool) or not isinstance(self.budget, int) or self.budget < 1:
            raise ValueError(f"budget must be an integer of at least 1, got {self.budget!r}")

    @property
    def kind(self) -> int:
        """DES_RAJ, MURTHY, PAPER, GEOMETRIC, EXACT or AUTO."""
        return _KINDS[self.name]

    @property
    def tail(self) -> int:
        """Most tokens to test after the accepted one (0 where the number is random, or nothing is tested)."""
        if self.name == "recursive":
            return 1
        return self.tail_checks or 0


@kernel
def tail_tests(most: int, share: float) -> int:
    """How many tokens to test after an accepted one that took this `share` of the mass that was left: 1 to `most`.

    With q the share and z the allowed part of what is left behind it, one test gives the weight a relative standard
    deviation of (1 - q) sqrt(z (1 - z)) / (q + (1 - q) z), which is at most (1 - q) / (2 sqrt(q)) whatever z is. For a
    given number of tests over all rows the variance is least when each row's is proportional to that deviation.
    """
    return int(max(1, np.ceil(most * min(1.0, (1.0 - share) / np.sqrt(share)))))


@kernel
def _log_density(x: float, rates: NDArray[np.float64]) -> float:
    """log of exp(x - e^x) prod_j (1 - exp(-rates_j e^x)): the integrand of `murthy_share` in x = log t."""
    t = np.exp(x)
    log = x - t
    for rate in rates:
        log += np.log(-np.expm1(-rate * t))
    return float(log)


@kernel
def _mode_and_scale(rates: NDArray[np.float64]) -> tuple[float, float]:
    """Where `_log_density` is largest, by Newton's method from the right, and its standard deviation there."""
    x = np.log(rates.size + 1.0)
    curvature = 1.0
    for _ in range(30):
        t = np.exp(x)
        slope = 1.0 - t
        curvature = t
        for rate in rates:
            y = rate * t
            if y < 1e-5:
                slope += 1.0
                curvature += 0.5 * y
            elif y < 500.0:
                growth = np.expm1(y)
                slope += y / growth
                curvature += y * ((y - 1.0) * growth + y) / (growth * growth)
        step = slope / curvature
        x += step
        if abs(step) < 0.01:
            break
    return x, 1.0 / np.sqrt(curvature)


@kernel
def murthy_share(weights: NDArray[np.float64], ok: NDArray[np.bool_], rest: float) -> float:
    """Murthy's estimate of the accepted share of a mass, from m tokens drawn from it without replacement.

    weights (m,): the masses of the drawn tokens; rest > 0: what they leave. The estimate is
    sum_i w_i ok_i P(set | i first) / P(set), where P(set | i first) / P(set) is the same for each order of the draws.
    If tokens arrive like the first events of independent Poisson processes with rates w_i / rest, then with
    J_i = int_0^inf e^-t prod_{j != i} (1 - e^{-t w_j / rest}) dt the ratio is proportional to J_i, and sum_i w_i J_i
    is its scale. The integrals are trapezoidal sums in log t, whose error decreases exponentially in the number of
    nodes: below 1e-7 here.
    """
    accepted = 0
    for flag in ok:
        accepted += flag
    if accepted == 0 or accepted == ok.size:
        # The sum over all tokens is the whole mass, whichever they are.
        return 1.0 if accepted else 0.0
    rates = weights / rest
    mode, scale = _mode_and_scale(rates)
    spacing = min(0.4, 0.7 * scale)
    peak = _log_density(mode, rates)
    hit = 0.0
    total = 0.0
    for direction in (-1.0, 1.0):
        x = mode if direction > 0 else mode - spacing
        while True:
            log = _log_density(x, rates)
            if log < peak - 36.0:
                break
            density = np.exp(log - peak)
            t = np.exp(x)
            for j in range(rates.size):
                part = density * weights[j] / -np.expm1(-rates[j] * t)
                total += part
                if ok[j]:
                    hit += part
            x += direction * spacing
    return hit / total


@kernel
def murthy_weight(
    weights: NDArray[np.float64],
    before: NDArray[np.float64],
    ok: NDArray[np.bool_],
    k: int,
    tested: int,
    rest: float,
    everything: bool,
) -> float:
    """The allowed mass over the mass of the row: x_k's, and Murthy's estimate of what is behind it.

    `tested` may depend on the row and on the path up to x_k only; `rest` is the mass left after the tested tokens. If
    the tests covered `everything`, the accepted mass itself is exact.
    """
    tail = 0.0
    if everything:
        for j in range(k + 1, tested):
            if ok[j]:
                tail += weights[j]
    elif tested > k + 1:
        tail = before[k + 1] * murthy_share(weights[k + 1 : tested], ok[k + 1 : tested], rest)
    return float((weights[k] + tail) / before[0])


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
