"""The sampling methods: what proposes a particle's tokens, whether they are weighed, resampled, or drawn again.

    awrs       tokens from the row restricted to what the constraint allows, weighed by the allowed mass; SMC with
               more than one particle (Lipkin et al., "Fast controlled generation from language models with adaptive
               weighted rejection sampling", 2025)
    smc_base   tokens from the model's own row; a particle that leaves the constraint dies, the others are resampled:
               twisted SMC with the base proposal
    rerank     the same without resampling: whole samples of the model, weighed in the end
    rejection  whole samples of the model, each drawn again until it is accepted
    lcd        locally constrained decoding (token masking): the tokens of awrs, no weights; bends the distribution
    base       the model itself; the constraint only judges (`Sample.accepted`)

All but the last two have the same target and the same evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Method:
    """How a group of particles is sampled.

    draw: the name of an `awrs.Draw`. ess_threshold: the default; None where the group never resamples. restarts:
    whether a particle that fails is drawn again. weighted: whether weights are importance weights for the target.
    """

    draw: Literal["WEIGHED", "UNWEIGHED", "MODEL", "FREE"]
    ess_threshold: float | None = None
    restarts: bool = False
    weighted: bool = True


METHODS: dict[str, Method] = {
    "awrs": Method("WEIGHED", ess_threshold=0.5),
    "smc_base": Method("MODEL", ess_threshold=0.9),
    "rerank": Method("MODEL"),
    "rejection": Method("MODEL", restarts=True),
    "lcd": Method("UNWEIGHED", weighted=False),
    "base": Method("FREE", weighted=False),
}

ATTEMPTS = 64
"""How often "rejection" draws a particle at most, by default."""
