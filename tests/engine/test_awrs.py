"""`sample_step`: proper weighting on enumerable rows, the law of the order, and everything that may go wrong."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from scipy import stats
from tamis.engine.awrs import Draw, RowError, RowFlag, RowParameters, RowRequest, sample_step
from tamis.engine.device import DeviceOrder
from tamis.engine.estimators import Estimator
from tamis.engine.rows import HostOrder
from tamis.engine.target import Target
from toys import TokenDfa, fixed

PATHS = ("host", "device")
# The rows lie where vLLM would have them: on the GPU where there is one.
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
ESTIMATORS = [
    Estimator(),
    Estimator("murthy", 3),
    Estimator("murthy", 20),
    Estimator("exact"),
    Estimator("des_raj", 4),
    Estimator("des_raj", 2),
    Estimator("recursive"),
    Estimator("paper"),
    Estimator("geometric"),
    # Budgets so small that the mask takes over, in the middle of the search or of the second round.
    Estimator("murthy", 1, budget=2),
    Estimator("des_raj", 1, budget=2),
    Estimator("paper", budget=2),
    Estimator("geometric", budget=2),
]

SMALL = (np.array([0.4, 0.2, 0.13, 0.1, 0.07, 0.05, 0.05]), np.array([0, 1, 0, 0, 1, 0, 1], dtype=bool))
ZIPF = (1 / np.arange(1, 41), np.arange(40) % 7 == 3)
PEAKED = (np.r_[0.4999975, 0.4999975, np.full(50, 1e-7)], np.r_[0, 0, np.ones(50)].astype(bool))


def requests(constraint, count, *, target=None, estimator=None, seed=7, request=3, step=0):
    return [
        RowRequest(constraint, 0, target or Target(), estimator or Estimator(), seed, request, particle, step)
        for particle in range(count)
    ]


def on_device(row):
    return torch.from_numpy(row).to(DEVICE)


def logits_of(p):
    return on_device(np.log(p / p.sum())).float()


def simulate(row, estimator, path, count, target=None, batch=4000):
    """`count` independent draws from one row: tokens, weights, checks, flags."""
    p, ok = row
    constraint = fixed(ok)
    logits = logits_of(p).expand(batch, -1)
    results = [
        sample_step(logits, requests(constraint, batch, target=target, estimator=estimator, step=step), path=path)
        for step in range(count // batch)
    ]
    return (
        np.concatenate([result.tokens for result in results]),
        np.exp(np.concatenate([result.log_weights for result in results])),
        np.concatenate([result.checks for result in results]),
        np.concatenate([result.flags for result in results]),
    )


def assert_properly_weighted(tokens, weights, expected, sigmas=5.0):
    """E[w 1{x = a}] = expected[a], each within `sigmas` standard errors estimated from the sample itself."""
    for token in np.flatnonzero(expected):
        terms = weights * (tokens == token)
        error = terms.std() / np.sqrt(terms.size)
        # float32 logits move each probability by a relative 1e-6 at most.
        assert abs(terms.mean() - expected[token]) < sigmas * error + 1e-6 * expected[token], token
    assert np.isin(tokens, np.flatnonzero(expected)).all()
    error = weights.std() / np.sqrt(weights.size)
    assert abs(weights.mean() - expected.sum()) < sigmas * error + 2e-6 * expected.sum()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
@pytest.mark.parametrize("row", [SMALL, ZIPF], ids=["small", "zipf"])
def test_estimators_are_properly_weighted(row, estimator, path):
    p, ok = row
    tokens, weights, checks, flags = simulate(row, estimator, path, 24000)
    assert_properly_weighted(tokens, weights, p / p.sum() * ok)
    if estimator.name == "exact":
        assert (flags == RowFlag.MASKED | RowFlag.EXACT).all()
        assert not checks.any()
        assert weights.std() < 1e-6 * weights.mean()
    elif estimator.budget > 2:
        assert not flags.any()
    else:
        # The first block may exceed a budget this small; after it the mask takes over.
        assert (flags & RowFlag.MASKED).any()
        assert checks.max() <= 1 + max(estimator.tail, 2) + estimator.tail


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("estimator", [Estimator(), Estimator("recursive"), Estimator("geometric")], ids=str)
def test_valid_mass_of_5e_6_behind_two_rejected_tokens_of_one_half(estimator, path):
    """The estimator "paper" is left out: its weights here are right on average but rest on one path in 200,000."""
    p, ok = PEAKED
    tokens, weights, checks, _ = simulate(PEAKED, estimator, path, 24000)
    assert_properly_weighted(tokens, weights, p / p.sum() * ok)
    assert (weights > 0).all()
    assert checks.max() <= 3 + max(estimator.tail, 9)
    if estimator.name != "geometric":
        # Both heavy tokens are always rejected first or in the tail: next to no variance is left.
        assert weights.std() < 0.02 * weights.mean()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "target", [Target(0.7, 0.8, 0, 0.0), Target(1.5, 1.0, 4, 0.0), Target(1.0, 0.9, 5, 0.12)], ids=str
)
@pytest.mark.parametrize("estimator", [Estimator(), Estimator("exact"), Estimator("geometric")], ids=str)
def test_temperature_and_truncation_define_the_target(target, estimator, path):
    from tamis.bench.exactness.enumeration import allowed_row

    p, ok = SMALL
    expected, lifted = allowed_row(np.log(p / p.sum()), ok, target)
    assert not lifted
    tokens, weights, _, flags = simulate(SMALL, estimator, path, 20000, target)
    assert not (flags & RowFlag.TRUNCATION_LIFTED).any()
    assert_properly_weighted(tokens, weights, expected)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "estimator", [Estimator(), Estimator("exact"), Estimator("paper"), Estimator("geometric")], ids=str
)
def test_truncation_is_lifted_where_it_leaves_nothing(estimator, path):
    p = np.array([0.5, 0.3, 0.1, 0.06, 0.04])
    ok = np.array([0, 0, 0, 1, 1], dtype=bool)
    tokens, weights, _, flags = simulate((p, ok), estimator, path, 8000, Target(top_k=2))
    assert (flags == RowFlag.TRUNCATION_LIFTED | RowFlag.MASKED | RowFlag.EXACT).all()
    np.testing.assert_allclose(weights, 0.1, rtol=1e-6)
    assert_properly_weighted(tokens, weights, p * ok)


def cheap(ok):
    constraint = fixed(ok)
    constraint.cheap_masks = True
    return constraint


# One token of 0.99: allowed with most others, allowed alone, refused, refused with most others.
ONE_HEAVY = np.r_[np.full(6, 0.01 / 11), 0.99, np.full(5, 0.01 / 11)]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("allowed", [range(12), [6], [2, 3, 8], [6, 1], [11]], ids=str)
def test_auto_under_cheap_masks_tests_peaked_rows_and_masks_the_rest(allowed, path):
    ok = np.isin(np.arange(12), list(allowed))
    constraint = cheap(ok)
    batch = 4000
    results = [
        sample_step(logits_of(ONE_HEAVY).expand(batch, -1), requests(constraint, batch, step=step), path=path)
        for step in range(6)
    ]
    tokens = np.concatenate([result.tokens for result in results])
    weights = np.exp(np.concatenate([result.log_weights for result in results]))
    flags = np.concatenate([result.flags for result in results])
    checks = np.concatenate([result.checks for result in results])
    assert_properly_weighted(tokens, weights, ONE_HEAVY * ok)
    # A second block follows where the second token is the heavy one.
    assert set(checks) <= {2, 3}
    # Where the first allowed token is not the heavy one, the mask has to say how much is allowed.
    masked = (flags & RowFlag.EXACT) > 0
    assert masked.mean() < 0.013 if ok[6] else masked.all()
    assert weights.std() < 0.0102 * weights.mean()

    for row in (SMALL, ZIPF):
        result = sample_step(logits_of(row[0]).expand(batch, -1), requests(cheap(row[1]), batch), path=path)
        assert (result.flags == RowFlag.MASKED | RowFlag.EXACT).all()
        assert not result.checks.any()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("row", [SMALL, ZIPF], ids=["small", "zipf"])
def test_unweighed_draws_follow_the_restricted_row(row, path):
    p, ok = row
    batch = 8000
    rows = [replace(request, draw=Draw.UNWEIGHED) for request in requests(fixed(ok), batch)]
    result = sample_step(logits_of(p).expand(batch, -1), rows, path=path)
    assert (result.log_weights == 0).all()
    expected = p[ok] / p[ok].sum() * batch
    assert stats.chisquare(np.bincount(result.tokens, minlength=p.size)[ok], expected).pvalue > 1e-4


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("target", [Target(), Target(top_k=3)], ids=str)
def test_draws_of_the_model_die_or_are_marked_where_they_are_not_allowed(target, path):
    from tamis.bench.exactness.enumeration import truncated

    p, ok = SMALL
    batch = 8000
    rows = requests(fixed(ok), batch, target=target)
    drawn = sample_step(logits_of(p).expand(batch, -1), [replace(r, draw=Draw.FREE) for r in rows], path=path)
    row = truncated(p / p.sum(), target)
    counts = np.bincount(drawn.tokens, minlength=p.size)
    assert counts[row == 0].sum() == 0
    assert stats.chisquare(counts[row > 0], row[row > 0] * batch).pvalue > 1e-4
    assert (((drawn.flags & RowFlag.REFUSED) > 0) == ~ok[drawn.tokens]).all()
    assert (drawn.log_weights == 0).all()

    model = sample_step(logits_of(p).expand(batch, -1), [replace(r, draw=Draw.MODEL) for r in rows], path=path)
    assert (model.tokens == np.where(ok[drawn.tokens], drawn.tokens, -1)).all()
    assert (model.log_weights == np.where(ok[drawn.tokens], 0, -np.inf)).all()
    assert (((model.flags & RowFlag.DEAD) > 0) == ~ok[drawn.tokens]).all()
    assert (model.checks == 1).all()


def order_of(path, logits, rows, length):
    kind = HostOrder(logits.cpu().numpy(), rows) if path == "host" else DeviceOrder(logits, rows, head=2)
    everyone = np.arange(logits.shape[0])
    kind.extend(everyone, np.full(everyone.size, length))
    return kind.candidates


@pytest.mark.parametrize("path", PATHS)
def test_order_follows_the_law_of_gumbel_keys(path):
    """Frequencies of the first three tokens against successive sampling, the law of sorting log p + Gumbel noise."""
    p = np.array([0.5, 0.25, 0.15, 0.07, 0.03])
    count = 40000
    rows = RowParameters(requests(fixed(np.ones(5)), count))
    candidates = order_of(path, logits_of(p).expand(count, -1).contiguous(), rows, 3)
    seen = np.bincount(candidates.tokens[:, :3] @ np.array([25, 5, 1]), minlength=125)
    expected = np.zeros(125)
    for a, b, c in product(range(5), repeat=3):
        if len({a, b, c}) == 3:
            expected[25 * a + 5 * b + c] = p[a] * p[b] / (1 - p[a]) * p[c] / (1 - p[a] - p[b])
    assert seen[expected == 0].sum() == 0
    cells = expected > 0
    assert stats.chisquare(seen[cells], count * expected[cells]).pvalue > 1e-4


@pytest.mark.parametrize("path", PATHS)
def test_mass_left_is_never_a_difference(path):
    p, ok = PEAKED
    rows = RowParameters(requests(fixed(ok), 200))
    candidates = order_of(path, logits_of(p).expand(200, -1).contiguous(), rows, p.size + 5)
    assert (candidates.length == p.size).all()
    assert candidates.exhausted.all()
    weights, before = candidates.weights, candidates.before
    for row in range(200):
        assert sorted(candidates.tokens[row, : p.size].tolist()) == list(range(p.size))
        exact = weights[row, : p.size][::-1].cumsum()[::-1]
        np.testing.assert_allclose(before[row, : p.size], exact, rtol=1e-12)
    np.testing.assert_allclose(candidates.totals, before[:, 0], rtol=1e-12)


def test_host_and_device_keep_the_same_tokens_under_truncation():
    logits = on_device(np.random.default_rng(5).normal(scale=2, size=(6, 400)).astype(np.float32))
    targets = [Target(top_k=9), Target(top_p=0.7), Target(min_p=0.1), Target(0.5, 0.9, 50, 0.01), Target(), Target(2.0)]
    rows = RowParameters([RowRequest(fixed(np.ones(400)), 0, target, Estimator(), 1, 1, 1, 1) for target in targets])
    host = HostOrder(logits.cpu().numpy(), rows)
    device = DeviceOrder(logits, rows)
    for order in (host, device):
        order.extend(np.arange(6), np.full(6, 400))
    assert host.candidates.length.tolist() == device.candidates.length.tolist()
    np.testing.assert_allclose(host.candidates.totals, device.candidates.totals, rtol=1e-6)
    for row, length in enumerate(host.candidates.length.tolist()):
        tokens = [sorted(order.candidates.tokens[row, :length].tolist()) for order in (host, device)]
        assert tokens[0] == tokens[1]


@pytest.mark.parametrize("path", PATHS)
def test_a_row_does_not_depend_on_its_batch(path):
    rng = np.random.default_rng(0)
    logits = on_device(rng.normal(scale=3, size=(24, 700)).astype(np.float32))
    before = logits.clone()
    constraints = [fixed(rng.random(700) < share) for share in (0.5, 0.01, 0.002)]
    targets = [Target(), Target(0.0), Target(0.8, 0.9, 40)]
    rows = [
        RowRequest(
            constraints[i % 3],
            0,
            targets[i // 3 % 3],
            ESTIMATORS[i % len(ESTIMATORS)],
            seed=i,
            request=2 * i,
            particle=i,
            step=i,
        )
        for i in range(24)
    ]
    together = sample_step(logits, rows, path=path)
    order = rng.permutation(24)
    shuffled = sample_step(logits[order], [rows[i] for i in order], path=path)
    for i, place in enumerate(order):
        alone = sample_step(logits[place : place + 1], [rows[place]], path=path)
        for result, index in ((shuffled, i), (alone, 0)):
            assert result.tokens[index] == together.tokens[place]
            assert result.log_weights[index] == together.log_weights[place]
            assert result.checks[index] == together.checks[place]
            assert result.flags[index] == together.flags[place]
    assert torch.equal(logits, before)


def test_one_seed_one_result_and_other_keys_other_results():
    logits = logits_of(ZIPF[0]).expand(400, -1)
    constraint = fixed(ZIPF[1])
    first = sample_step(logits, requests(constraint, 400))
    again = sample_step(logits, requests(constraint, 400))
    np.testing.assert_array_equal(first.tokens, again.tokens)
    np.testing.assert_array_equal(first.log_weights, again.log_weights)
    for other in ({"seed": 8}, {"request": 4}, {"step": 1}):
        assert (sample_step(logits, requests(constraint, 400, **other)).tokens != first.tokens).mean() > 0.2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_floating_dtype_is_read(dtype):
    logits = on_device(np.random.default_rng(1).normal(size=(8, 50))).to(dtype)
    rows = requests(fixed(np.arange(50) % 3 == 0), 8)
    wide = sample_step(logits.float(), rows)
    np.testing.assert_array_equal(sample_step(logits, rows).tokens, wide.tokens)
    np.testing.assert_array_equal(sample_step(logits.t().contiguous().t(), rows).log_weights, wide.log_weights)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("budget", [256, 3])
def test_greedy_takes_the_most_probable_allowed_token(path, budget):
    rng = np.random.default_rng(2)
    logits = on_device(np.round(rng.normal(scale=2, size=(20, 600)), 1).astype(np.float32))
    ok = rng.random(600) < 0.02
    result = sample_step(
        logits, requests(fixed(ok), 20, target=Target(0.0), estimator=Estimator(budget=budget)), path=path
    )
    allowed = np.where(ok, logits.cpu().numpy(), -np.inf)
    np.testing.assert_array_equal(allowed[np.arange(20), result.tokens], allowed.max(1))
    np.testing.assert_array_equal(result.log_weights, 0.0)
    assert not result.weights_defined.any()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_row_without_allowed_tokens_is_dead(path, temperature):
    logits = torch.zeros((3, 40), device=DEVICE)
    logits[:, 7] = -torch.inf
    ok = np.zeros(40, dtype=bool)
    ok[7] = True
    for estimator in ESTIMATORS:
        rows = requests(fixed(ok), 3, target=Target(temperature), estimator=estimator)
        result = sample_step(logits, rows, path=path)
        assert result.tokens.tolist() == [-1, -1, -1]
        assert np.isneginf(result.log_weights).all()
        assert ((result.flags & RowFlag.DEAD) != 0).all()


@pytest.mark.parametrize("path", PATHS)
def test_probabilities_beyond_float32_still_have_their_weight(path):
    logits = torch.full((4, 300), -30.0, device=DEVICE)
    logits[:, 0] = 0.0
    logits[:, 5] = -20.0
    logits[:, 6] = -20.01
    ok = np.zeros(300, dtype=bool)
    ok[[5, 6]] = True
    result = sample_step(logits, requests(fixed(ok), 4, target=Target(0.01)), path=path)
    assert np.isin(result.tokens, [5, 6]).all()
    np.testing.assert_allclose(result.log_weights, -2000 + np.log1p(np.exp(-1.0)), rtol=1e-6)
    assert (result.flags == RowFlag.MASKED | RowFlag.EXACT).all()


@pytest.mark.parametrize("path", PATHS)
def test_zero_probability_tokens_are_never_drawn(path):
    logits = torch.zeros((500, 30), device=DEVICE)
    logits[:, ::2] = -torch.inf
    result = sample_step(logits, requests(fixed(np.ones(30)), 500), path=path)
    assert (result.tokens % 2 == 1).all()
    np.testing.assert_allclose(result.log_weights, 0, atol=1e-12)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("value", "problem"), [(np.nan, "NaN at token 17"), (np.inf, r"\+inf at token 17"), (None, "-inf for every token")]
)
def test_rows_that_are_no_distribution_are_refused_by_number(value, problem, path):
    logits = torch.zeros((4, 600), device=DEVICE)
    if value is None:
        logits[2] = -torch.inf
    else:
        logits[2, 17] = value
    with pytest.raises(RowError, match=rf"row 2 \(request 3, particle 2, step 9\).*{problem}") as caught:
        sample_step(logits, requests(fixed(np.ones(600)), 4, step=9), path=path)
    assert caught.value.row == 2


def test_shapes_that_do_not_match_are_refused():
    rows = requests(fixed(np.ones(4)), 2)
    for logits in (
        torch.zeros(4, device=DEVICE),
        torch.zeros((3, 4), device=DEVICE),
        torch.zeros((2, 4), dtype=torch.int64),
    ):
        with pytest.raises(ValueError, match="logits must be a floating"):
            sample_step(logits, rows)
    with pytest.raises(ValueError, match="path"):
        sample_step(torch.zeros((2, 4), device=DEVICE), rows, path="gpu")
    assert sample_step(torch.zeros((0, 4), device=DEVICE), []).tokens.size == 0


def test_checks_go_out_in_few_calls_for_all_rows():
    constraint = fixed(np.random.default_rng(0).random(5000) < 0.5)
    logits = on_device(np.random.default_rng(1).normal(size=(64, 5000)).astype(np.float32))
    result = sample_step(logits, requests(constraint, 64))
    # Blocks of 9, 9, 18, ...: 64 rows at one half need a handful of rounds, never a call per row or token.
    assert constraint.calls <= 6
    assert result.checks.min() >= 1 + Estimator().tail_checks


class Judge(TokenDfa):
    """Answers like `inner`, after it sampled from other logits in the middle of every question."""

    def __init__(self, inner, path):
        self.__dict__.update(inner.__dict__)
        self._path = path
        self._logits = on_device(np.random.default_rng(9).normal(size=(40, inner.size)).astype(np.float32))
        self._rows = requests(fixed(np.arange(inner.size) % 5 == 0), 40, seed=99)

    def check(self, states, tokens):
        self.judged = sample_step(self._logits, self._rows, path=self._path)
        return super().check(states, tokens)


@pytest.mark.parametrize("path", PATHS)
def test_a_constraint_may_sample_while_it_is_asked(path):
    logits = on_device(np.random.default_rng(1).normal(scale=2, size=(30, 900)).astype(np.float32))
    plain = fixed(np.random.default_rng(2).random(900) < 0.05)
    judge = Judge(plain, path)
    for estimator in (Estimator(), Estimator("geometric"), Estimator("paper", budget=3)):
        expected = sample_step(logits, requests(plain, 30, estimator=estimator), path=path)
        nested = sample_step(logits, requests(judge, 30, estimator=estimator), path=path)
        for name in ("tokens", "log_weights", "checks", "flags"):
            np.testing.assert_array_equal(getattr(nested, name), getattr(expected, name))
    alone = sample_step(judge._logits, judge._rows, path=path)
    np.testing.assert_array_equal(judge.judged.log_weights, alone.log_weights)


def test_a_step_gives_its_buffer_back_even_if_the_constraint_raises():
    class Broken(TokenDfa):
        def check(self, states, tokens):
            raise ZeroDivisionError

    logits = torch.zeros((3, 70), device=DEVICE)
    rows = RowParameters(requests(fixed(np.ones(70)), 3))
    first = HostOrder(logits.cpu().numpy(), rows)
    buffer = first._buffer
    second = HostOrder(logits.cpu().numpy(), rows)
    assert second._buffer is not buffer
    first.close()
    with pytest.raises(ZeroDivisionError):
        sample_step(logits, requests(Broken([[0] * 70], [0], 69), 3))
    with pytest.raises(RowError):
        sample_step(logits * np.nan, requests(fixed(np.ones(70)), 3))
    assert HostOrder(logits.cpu().numpy(), rows)._buffer is buffer


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_row_is_exhausted_with_its_last_token(path, temperature):
    """Exactly as many draws as tokens: no further draw has to fail first."""
    logits = torch.full((20, 600), -torch.inf, device=DEVICE)
    logits[:, 17:500:60] = torch.linspace(-1, 1, 9, device=DEVICE)
    rows = RowParameters(requests(fixed(np.ones(600)), 20, target=Target(temperature)))
    order = HostOrder(logits.cpu().numpy(), rows) if path == "host" else DeviceOrder(logits, rows, head=8)
    order.extend(np.arange(20), np.full(20, 8))
    assert (order.candidates.length == 8).all()
    assert not order.candidates.exhausted.any()
    order.extend(np.arange(20), np.full(20, 9))
    assert (order.candidates.length == 9).all()
    assert order.candidates.exhausted.all() or (path == "device" and temperature == 0)


@pytest.mark.parametrize("path", PATHS)
def test_weights_are_exact_where_every_token_was_tested(path):
    """top_k = 9 and 8 tail checks: an accepted first token and its tail are the whole row."""
    logits = on_device(np.random.default_rng(4).normal(size=(1, 300)).astype(np.float32))
    kept = np.argsort(logits[0].cpu().numpy())[-9:]
    p = np.exp(logits[0].double().cpu().numpy()[kept])
    ok = np.zeros(300, dtype=bool)
    ok[kept[[0, 3, 5, 8]]] = True
    result = sample_step(logits.expand(500, -1), requests(fixed(ok), 500, target=Target(top_k=9)), path=path)
    np.testing.assert_allclose(np.exp(result.log_weights), p[[0, 3, 5, 8]].sum() / p.sum(), rtol=1e-6)
    assert np.exp(result.log_weights).std() < 1e-9
    assert (result.checks == 9).all()
    assert not result.flags.any()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("estimator", [Estimator(), Estimator("exact"), Estimator("paper")], ids=str)
def test_forbidden_tokens_are_not_allowed_whatever_the_constraint_says(estimator, path):
    p, ok = SMALL
    batch = 8000
    rows = requests(fixed(ok), batch, estimator=estimator)
    forbidden = [replace(row, forbidden=(1, 6)) for row in rows[: batch // 2]]
    # Rows of the same constraint beside them are not concerned.
    result = sample_step(logits_of(p).expand(batch, -1), [*forbidden, *rows[batch // 2 :]], path=path)
    first = slice(batch // 2)
    assert_properly_weighted(result.tokens[first], np.exp(result.log_weights[first]), p * ok * (np.arange(7) == 4))
    assert set(result.tokens[batch // 2 :].tolist()) == {1, 4, 6}
