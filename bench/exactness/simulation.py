"""Many particle groups at once over a small model: the engine's own bookkeeping and draws, without vLLM."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from ...engine.awrs import Draw, RowRequest, sample_step
from ...engine.constraint import BoundConstraint
from ...engine.critic import Critic
from ...engine.methods import METHODS
from ...engine.vllm.channel import TokenRecord
from ...engine.vllm.group import ParticleGroup
from ...engine.vllm.options import GroupOptions

Model = Callable[[tuple[int, ...]], NDArray[np.float32]]


def simulate(
    model: Model,
    constraint: BoundConstraint,
    options: GroupOptions,
    *,
    groups: int,
    eos: int,
    max_tokens: int,
    critic: Critic | None = None,
) -> list[ParticleGroup]:
    """Run `groups` independent groups, numbered from options.request, to their ends; a critic sees token ids only."""
    running = [
        ParticleGroup(replace(options, request=options.request + number), (eos,), critic, bytes)
        for number in range(groups)
    ]
    done = list(running)
    draw = Draw[METHODS[options.method].draw]
    states = _States(constraint)
    while running:
        rows = []
        for group in running:
            ahead = {id(particle) for particle in group.ahead()}
            for slot, particle in enumerate(group.particles):
                if particle.status is None and id(particle) not in ahead:
                    rows.append((group, slot, tuple(particle.tokens)))
        logits = np.stack([model(tokens) for _, _, tokens in rows])
        requests = [
            RowRequest(
                constraint,
                states[tokens],
                options.target,
                options.estimator,
                options.seed,
                group.options.request,
                group.number(slot),
                len(tokens),
                draw,
            )
            for group, slot, tokens in rows
        ]
        result = sample_step(torch.from_numpy(logits), requests)
        drawn = zip(
            rows,
            result.tokens.tolist(),
            result.log_weights.tolist(),
            result.checks.tolist(),
            result.flags.tolist(),
            strict=True,
        )
        for (group, slot, tokens), token, log_weight, checks, flags in drawn:
            record = TokenRecord(token, log_weight, checks, flags)
            group.receive(slot, record, finished=token < 0 or token == eos or len(tokens) + 1 == max_tokens)
        for group in running:
            group.criticise()
            group.restarts()
            group.resample()
        running = [group for group in running if group.live]
    return done


class _States:
    """Constraint states by the tokens that lead to them."""

    def __init__(self, constraint: BoundConstraint) -> None:
        self._constraint = constraint
        self._known: dict[tuple[int, ...], int] = {(): constraint.start}

    def __getitem__(self, tokens: tuple[int, ...]) -> int:
        state = self._known.get(tokens)
        if state is None:
            before = np.array([self[tokens[:-1]]], dtype=np.int64)
            state = int(self._constraint.advance(before, np.array(tokens[-1:], dtype=np.int32))[0])
            self._known[tokens] = state
        return state
