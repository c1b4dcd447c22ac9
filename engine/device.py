"""The order of candidates on an accelerator: Gumbel keys where the logits are; only the head of the order leaves it."""

import numpy as np
import torch
from numpy.typing import NDArray

from .randomness import NOISE_STREAM, first_words
from .rows import Candidates, Parameters, look_up

_GOLDEN = -0x61C8864680B583EB
_MIX_1 = -0x40A7B892E31B1A47
_MIX_2 = -0x6B2FB644ECCEEE15
_SMALLEST = 1.1754943508222875e-38


def _shift_right(x: torch.Tensor, bits: int) -> torch.Tensor:
    """Logical shift of int64."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def uniforms(words: torch.Tensor, count: int) -> torch.Tensor:
    """(R, count) float64 uniforms in (0, 1), one per token, from one 64-bit word per row (R,) int64.

    SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014) as a counter-based
    generator whose starting point is a Threefry word: 12 integer operations, where Threefry itself would need 120
    passes over the row. Integer arithmetic only, so every device gives the same bits.
    """
    z = words[:, None] + torch.arange(1, count + 1, device=words.device) * _GOLDEN
    z = (z ^ _shift_right(z, 30)) * _MIX_1
    z = (z ^ _shift_right(z, 27)) * _MIX_2
    z = z ^ _shift_right(z, 31)
    return _shift_right(z, 11).double().clamp_(min=0.5).mul_(2.0**-53)


class DeviceOrder:
    """Candidates of rows of logits (R, V) on any device, in the order of log p + Gumbel noise.

    The first `head` candidates of every row are fetched at once, later ones in doubling portions.
    """

    def __init__(self, logits: torch.Tensor, parameters: Parameters, head: int = 64) -> None:
        """Weights, keys, and the head of the order; see `Candidates.totals` for rows that are no distribution."""
        rows, vocabulary = logits.shape
        device = logits.device
        self._logits = logits.float()
        self._greedy = parameters.greedy
        maxima = self._logits.amax(dim=1)
        scaled = (self._logits - maxima[:, None]) * torch.from_numpy(parameters.inverse_temperature).to(device)[:, None]
        self._weights = torch.exp(scaled)
        self._weights[self._weights < _SMALLEST] = 0
        for row in np.flatnonzero(parameters.truncates & ~parameters.greedy).tolist():
            self._truncate(row, int(parameters.top_k[row]), float(parameters.top_p[row]), float(parameters.min_p[row]))
        words = torch.from_numpy(first_words(parameters.keys, NOISE_STREAM).view(np.int64)).to(device)
        self._keys = scaled.double() - uniforms(words, vocabulary).log_().neg_().log_()
        self._keys.masked_fill_(self._weights == 0, -torch.inf)
        if parameters.greedy.any():
            greedy = torch.from_numpy(parameters.greedy).to(device)
            self._keys = torch.where(greedy[:, None], self._logits.double(), self._keys)
        self.candidates = Candidates(rows, min(head, vocabulary))
        totals = self._weights.sum(dim=1, dtype=torch.float64)
        self._fetch(np.arange(rows), self.candidates.capacity, totals)

    def _truncate(self, row: int, top_k: int, top_p: float, min_p: float) -> None:
        """min_p, top_k, top_p on one row of weights, ties kept; the same set as on the host."""
        weights = self._weights[row]
        ordered = weights.sort(descending=True).values.double()
        ordered = torch.where(ordered >= min_p, ordered, 0.0)
        if 0 < top_k < ordered.numel():
            ordered = torch.where(ordered >= ordered[top_k - 1], ordered, 0.0)
        if top_p < 1:
            cumulated = ordered.cumsum(0)
            last = (cumulated < top_p * cumulated[-1]).sum().clamp(max=ordered.numel() - 1)
            ordered = torch.where(ordered >= ordered[last], ordered, 0.0)
        smallest = torch.where(ordered > 0, ordered, torch.inf).min()
        weights[weights < smallest.float()] = 0

    def _fetch(self, rows: NDArray[np.int64], count: int, totals: torch.Tensor | None = None) -> None:
        """Append the next `count` candidates of `rows` (S,); `totals`: the mass of the rows, at the first call."""
        candidates = self.candidates
        everywhere = rows.size == self._keys.shape[0]
        index = slice(None) if everywhere else torch.from_numpy(rows).to(self._keys.device)
        keys = self._keys[index]
        weights = self._weights[index]
        top = keys.topk(count, dim=1)
        drawn = weights.gather(1, top.indices).double()
        weights = weights.scatter(1, top.indices, 0.0)
        left = weights.sum(dim=1, dtype=torch.float64)
        # One transfer for everything the host needs.
        columns = [top.values, top.indices.double(), drawn, left[:, None]]
        if totals is not None:
            columns.append(totals[:, None])
        packed = torch.cat(columns, dim=1).cpu().numpy()
        self._weights[index] = weights
        self._keys[index] = keys.scatter(1, top.indices, -torch.inf)
        if totals is not None:
            candidates.totals[:] = packed[:, -1]
        for s, row in enumerate(rows.tolist()):
            start = int(candidates.length[row])
            found = int(np.count_nonzero(packed[s, :count] > -np.inf))
            part = slice(start, start + found)
            masses = packed[s, 2 * count : 2 * count + found]
            candidates.tokens[row, part] = packed[s, count : count + found]
            candidates.weights[row, part] = masses
            # Summed from the far end: what remains, never a difference.
            candidates.before[row, part] = packed[s, 3 * count] + masses[::-1].cumsum()[::-1]
            candidates.left[row] = packed[s, 3 * count]
            candidates.length[row] = start + found
            # In greedy rows tokens without mass are candidates, too.
            nothing_left = packed[s, 3 * count] == 0 and not self._greedy[row]
            candidates.exhausted[row] = nothing_left or found < count or start + found == self._keys.shape[1]

    def extend(self, rows: NDArray[np.int64], lengths: NDArray[np.int64]) -> None:
        """Fetch until the given rows (S,) hold `lengths` (S,) candidates or are exhausted."""
        candidates = self.candidates
        vocabulary = self._keys.shape[1]
        wanting = (candidates.length[rows] < lengths) & ~candidates.exhausted[rows]
        if not wanting.any():
            return
        short = rows[wanting]
        held = int(candidates.length[short].max())
        count = min(max(int((lengths[wanting] - candidates.length[short]).max()), held), vocabulary)
        candidates.reserve(min(held + count, vocabulary))
        self._fetch(short, count)

    def settle(
        self, rows: NDArray[np.int64], masks: NDArray[np.uint32]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Tokens (S,) and allowed masses (S,) of `rows` under `masks` (S, W); see `Order.settle`.

        Masks travel as bits and are spread out on the device.
        """
        device = self._keys.device
        vocabulary = self._keys.shape[1]
        index = torch.from_numpy(rows).to(device)
        words = torch.from_numpy(masks.view(np.int32)).to(device)
        bits = (words[:, :, None] >> torch.arange(32, device=device, dtype=torch.int32)) & 1
        flags = torch.zeros((rows.size, vocabulary), dtype=torch.bool, device=device)
        width = min(vocabulary, 32 * masks.shape[1])
        flags[:, :width] = bits.reshape(rows.size, -1)[:, :width].bool()
        masses = torch.where(flags, self._weights[index], 0.0).sum(dim=1, dtype=torch.float64)
        best = torch.where(flags, self._keys[index], -torch.inf).max(dim=1)
        packed = torch.stack([masses, best.values, best.indices.double()], dim=1).cpu().numpy()
        allowed = packed[:, 0].copy()
        tokens = np.where(packed[:, 1] > -np.inf, packed[:, 2], -1).astype(np.int64)
        candidates = self.candidates
        for s, row in enumerate(rows.tolist()):
            length = int(candidates.length[row])
            ok = np.empty(length, dtype=np.bool_)
            look_up(masks[s], candidates.tokens[row, :length], ok)
            if ok.any():
                tokens[s] = candidates.tokens[row, int(ok.argmax())]
                allowed[s] += candidates.weights[row, :length][ok].sum()
            if self._greedy[row]:
                allowed[s] = float(tokens[s] >= 0)
        return tokens, allowed

    def host_row(self, row: int) -> NDArray[np.float32]:
        """The logits of one row (V,), copied to host memory."""
        host: NDArray[np.float32] = self._logits[row].cpu().numpy()
        return host

    def close(self) -> None:
        """Let go of the tensors."""
        del self._logits, self._weights, self._keys
