"""What comes out of vLLM, against exact enumeration and against the plain reference sampler."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tamis.bench.exactness.enumeration import exact_posterior
from tamis.bench.exactness.llamas import EOS, PIECES, PROMPT, SIZE, Rows
from tamis.engine import CriticError, Engine, Result, critic, predicate, preference
from tamis.engine.estimators import Estimator
from tamis.engine.reference import reference_smc
from tamis.engine.target import Target
from tamis.engine.vllm.constraints import AnyTokenBehind
from tamis.grammars import Grammar, choice

MAX_TOKENS = 6
GROUPS = 1000
PARTICLES = 6


def constraints() -> dict[str, Any]:
    return {
        "pairs": Grammar("regex", "(ab|ba|cc)+d?"),
        # Every second piece is a dead end for some tokenisations, and most of the model's mass is excluded.
        "sparse": Grammar("regex", "(ab|bac|ccd|da)+"),
        "counted": Grammar("regex", "[abc]{3,5}d"),
        "both": Grammar("regex", "[abc]{2,6}") & predicate(lambda s: "bb" not in s, complete=lambda s: s[0] == s[-1]),
        "predicate": predicate(lambda s: "aa" not in s and s.count("c") <= 2, complete=lambda s: len(s) % 2 == 0),
    }


def bound(constraint: Any, engine: Engine) -> Any:
    return constraint.bind(engine.vocabulary)


def text_posterior(masses: dict[tuple[int, ...], float], engine: Engine) -> dict[str, float]:
    """Exact masses of token sequences, added up per text."""
    texts: Counter[str] = Counter()
    for tokens, mass in masses.items():
        texts[b"".join(engine.vocabulary.token_bytes(token) for token in tokens[:-1]).decode()] += mass
    return dict(texts)


@pytest.mark.parametrize("threshold", [0.0, 0.7])
@pytest.mark.parametrize("name", list(constraints()))
def test_evidence_and_pooled_posterior_equal_enumeration(
    engine: Engine, rows: Rows, name: str, threshold: float
) -> None:
    constraint = constraints()[name]
    exact = text_posterior(exact_posterior(rows, bound(constraint, engine), SIZE, EOS, MAX_TOKENS), engine)
    results = engine.generate(
        [PROMPT] * GROUPS,
        constraint,
        particles=PARTICLES,
        max_tokens=MAX_TOKENS,
        seed=11,
        ess_threshold=threshold,
    )
    if threshold > 0:
        assert sum(result.stats.resamplings for result in results) > 0
    # Each group's mean weight is an independent unbiased estimate, of the evidence and of each string's mass; the
    # standard error comes from the spread between groups.  5 of them, over some 100 comparisons: false alarms below
    # 1e-4.  Strings too rare for that are compared together.
    evidence = sum(exact.values())
    assert_mean(np.array([math.exp(result.log_evidence) for result in results]), evidence, name)
    heavy = [text for text, mass in exact.items() if mass > evidence / 50]
    assert len(heavy) >= 3
    for text in heavy:
        assert_mean(np.array([mass_of(result, {text}) for result in results]), exact[text], text)
    rare = set(exact) - set(heavy)
    assert_mean(np.array([mass_of(result, rare) for result in results]), sum(exact[text] for text in rare), "the rest")
    assert {sample.text for result in results for sample in result.samples if sample.weight > 0} <= set(exact)


def mass_of(result: Result, texts: set[str]) -> float:
    """A group's estimate of the unnormalised mass of some strings."""
    weights = [math.exp(sample.log_weight) for sample in result.samples if sample.text in texts]
    return sum(weights) / len(result.samples)


def assert_mean(values: np.ndarray[Any, Any], expected: float, what: str) -> None:
    error = values.std(ddof=1) / math.sqrt(values.size)
    assert abs(values.mean() - expected) <= 5 * error + 1e-12, f"{what}: {values.mean()} +- {error}, exact {expected}"


def softmax(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Probabilities of a row in float64."""
    row = np.exp(logits.astype(np.float64) - logits.max())
    return row / row.sum()


def assert_masses(results: list[Result], exact: dict[str, float], text: Callable[[Any], str]) -> None:
    """Evidence and masses of the heavy strings, and that nothing else has a weight."""
    evidence = sum(exact.values())
    assert_mean(np.array([math.exp(result.log_evidence) for result in results]), evidence, "evidence")
    heavy = [string for string, mass in exact.items() if mass > evidence / 50]
    assert len(heavy) >= 3
    for string in heavy:
        values = [
            sum(math.exp(sample.log_weight) for sample in result.samples if text(sample) == string)
            / len(result.samples)
            for result in results
        ]
        assert_mean(np.array(values), exact[string], string)
    assert {text(sample) for result in results for sample in result.samples if sample.weight > 0} <= set(exact)


def test_a_critic_multiplies_the_target_and_its_twist_does_not(engine: Engine, rows: Rows) -> None:
    constraint = constraints()["pairs"]
    exact = text_posterior(exact_posterior(rows, bound(constraint, engine), SIZE, EOS, MAX_TOKENS), engine)
    exact = {text: mass * math.exp(text.count("a") - 2.0 * text.endswith("d")) for text, mass in exact.items()}
    weigh = critic(lambda text: text.count("a"), lambda text: 0.8 * text.count("a")) * preference(
        Grammar("regex", "[abc]*"), 2.0
    )
    results = engine.generate(
        [PROMPT] * GROUPS, constraint, critic=weigh, particles=PARTICLES, max_tokens=MAX_TOKENS, seed=17
    )
    assert sum(result.stats.resamplings for result in results) > 100
    assert_masses(results, exact, lambda sample: sample.text)


def test_a_critic_that_fails_fails_its_own_request(engine: Engine) -> None:
    with pytest.raises(CriticError, match="critic 'broken' raised ZeroDivisionError"):
        engine.generate(PROMPT, constraints()["pairs"], critic=critic(lambda text: 1 / 0, name="broken"), particles=3)
    ruled_out = critic(lambda text: 0.0, lambda text: -math.inf if text.startswith("a") else 0.0)
    result = engine.generate(PROMPT, constraints()["pairs"], critic=ruled_out, particles=20, ess_threshold=0.1, seed=2)
    assert not any(sample.text.startswith("a") for sample in result.samples if sample.weight > 0)
    assert not engine._engine.has_unfinished_requests()
    assert not engine._scheduler.groups


@pytest.mark.parametrize("method", ["awrs", "smc_base", "lcd"])
def test_strings_completed_by_force_equal_enumeration(engine: Engine, rows: Rows, method: str) -> None:
    """The target: what ends within 4 tokens, and the shortest completions of what does not."""
    most = 4
    constraint = Grammar("regex", "(ab|bac|ccd|da)+d")
    automaton = bound(constraint, engine)
    pieces = {engine.vocabulary.token_bytes(token): token for token in range(SIZE) if token != EOS}
    exact: dict[str, float] = {}
    forced = set()
    open_: list[tuple[tuple[int, ...], int, float]] = [((), automaton.start, 1.0)]
    tokens = np.arange(SIZE, dtype=np.int32)
    while open_:
        prefix, state, mass = open_.pop()
        row = softmax(rows(prefix))
        after = automaton.advance(np.full(SIZE, state, dtype=np.int64), tokens)
        for token in np.flatnonzero(after >= 0).tolist():
            longer, share = (*prefix, token), mass * float(row[token])
            if token == EOS:
                exact[str(longer)] = share
            elif len(longer) < most:
                open_.append((longer, int(after[token]), share))
            else:
                rest = automaton.completion(int(after[token]))
                while rest:
                    piece = next(rest[:size] for size in (2, 1) if rest[:size] in pieces)
                    share *= softmax(rows(longer))[pieces[piece]]
                    longer, rest = (*longer, pieces[piece]), rest[len(piece) :]
                exact[str((*longer, EOS))] = share * float(softmax(rows(longer))[EOS])
                forced.add(str((*longer, EOS)))
    results = engine.generate(
        [PROMPT] * GROUPS,
        constraint,
        method=method,
        at_max_tokens="complete",
        particles=PARTICLES,
        max_tokens=most,
        seed=19,
    )
    samples = [sample for result in results for sample in result.samples]
    for sample in samples:
        assert sample.accepted == (sample.finish_reason in ("stop", "forced"))
        assert (str(sample.token_ids) in forced) == (sample.finish_reason == "forced")
    assert sum(sample.finish_reason == "forced" for sample in samples) > 100
    if method == "lcd":
        assert all(sample.log_weight == 0 for sample in samples if sample.accepted)
    else:
        assert_masses(results, exact, lambda sample: str(sample.token_ids))


def test_stop_strings_end_texts_and_owe_no_end_token(engine: Engine, rows: Rows) -> None:
    members, stops = {"a", "ab", "abb", "ba", "cab"}, ["d", "cc"]
    exact: dict[str, float] = {}
    open_: list[tuple[tuple[int, ...], float]] = [((), 1.0)]
    while open_:
        prefix, mass = open_.pop()
        row = softmax(rows(prefix))
        text = "".join(PIECES[token - 1] for token in prefix)
        for token in range(SIZE):
            longer, share = (*prefix, token), mass * float(row[token])
            written = text if token == EOS else text + PIECES[token - 1]
            found = min((written.index(stop) for stop in stops if stop in written), default=None)
            if token == EOS or found is not None:
                if written[:found] in members:
                    exact[str(longer)] = share
            elif len(longer) < MAX_TOKENS:
                begun = [member + rest for member in members for rest in ("", *stops)]
                if any(string.startswith(written) for string in begun):
                    open_.append((longer, share))
    results = engine.generate(
        [PROMPT] * GROUPS, choice(sorted(members)), stop=stops, particles=PARTICLES, max_tokens=MAX_TOKENS, seed=23
    )
    assert_masses(results, exact, lambda sample: str(sample.token_ids))
    assert {sample.text for result in results for sample in result.samples if sample.weight > 0} <= members
    assert not engine._scheduler.groups
    assert not engine._engine.has_unfinished_requests()


def test_shorter_strings_than_min_tokens_are_no_part_of_the_target(engine: Engine, rows: Rows) -> None:
    constraint = constraints()["pairs"]
    masses = exact_posterior(rows, bound(constraint, engine), SIZE, EOS, MAX_TOKENS)
    exact = {str(tokens): mass for tokens, mass in masses.items() if len(tokens) > 3}
    assert len(exact) < len(masses)
    results = engine.generate(
        [PROMPT] * GROUPS, constraint, min_tokens=3, particles=PARTICLES, max_tokens=MAX_TOKENS, seed=29
    )
    assert_masses(results, exact, lambda sample: str(sample.token_ids))


def test_without_end_tokens_beginnings_are_weighed(engine: Engine, rows: Rows) -> None:
    constraint = bound(constraints()["sparse"], engine)
    exact: dict[str, float] = {}
    open_: list[tuple[tuple[int, ...], int, float]] = [((), constraint.start, 1.0)]
    tokens = np.arange(SIZE, dtype=np.int32)
    while open_:
        prefix, state, mass = open_.pop()
        row = softmax(rows(prefix))
        after = constraint.advance(np.full(SIZE, state, dtype=np.int64), tokens)
        for token in np.flatnonzero(after >= 0).tolist():
            if token == EOS:
                continue
            longer, share = (*prefix, token), mass * float(row[token])
            if len(longer) == 4:
                exact[str(longer)] = share
            else:
                open_.append((longer, int(after[token]), share))
    results = engine.generate(
        [PROMPT] * GROUPS, constraints()["sparse"], ignore_eos=True, particles=PARTICLES, max_tokens=4, seed=31
    )
    assert_masses(results, exact, lambda sample: str(sample.token_ids))
    assert all(result.text is None for result in results)
    assert {sample.finish_reason for result in results for sample in result.samples} == {"length"}


def test_early_stop_errs_by_what_it_gives_up(engine: Engine, rows: Rows) -> None:
    constraint = constraints()["pairs"]
    exact = sum(
        text_posterior(exact_posterior(rows, bound(constraint, engine), SIZE, EOS, MAX_TOKENS), engine).values()
    )
    results = engine.generate(
        [PROMPT] * GROUPS, constraint, particles=PARTICLES, max_tokens=MAX_TOKENS, seed=41, early_stop=0.5
    )
    given_up = np.array([result.stats.unfinished for result in results])
    evidence = np.exp([result.log_evidence for result in results])
    assert given_up.max() <= 0.5
    assert given_up.mean() > 0.05
    for sample in (sample for result in results for sample in result.samples):
        assert (sample.weight > 0) <= (sample.finish_reason == "stop")
    spread = 4 * evidence.std() / math.sqrt(GROUPS)
    assert evidence.mean() < exact + spread
    assert (evidence / (1 - given_up)).mean() > exact - spread


@pytest.mark.parametrize("method", ["smc_base", "rerank", "rejection", "base"])
def test_every_method_estimates_the_same_evidence(engine: Engine, rows: Rows, method: str) -> None:
    constraint = constraints()["pairs"]
    exact = text_posterior(exact_posterior(rows, bound(constraint, engine), SIZE, EOS, MAX_TOKENS), engine)
    results = engine.generate(
        [PROMPT] * GROUPS, constraint, method=method, particles=PARTICLES, max_tokens=MAX_TOKENS, seed=13
    )
    evidence = sum(exact.values())
    assert_mean(np.array([math.exp(result.log_evidence) for result in results]), evidence, method)
    if method == "smc_base":
        assert sum(result.stats.resamplings for result in results) > 0
    if method == "rejection":
        assert sum(result.stats.attempts for result in results) > 2 * GROUPS * PARTICLES
    if method == "base":
        for sample in (sample for result in results for sample in result.samples):
            assert sample.accepted == (sample.finish_reason == "stop" and sample.text in exact)
        return
    heavy = [text for text, mass in exact.items() if mass > evidence / 50]
    for text in heavy:
        assert_mean(np.array([mass_of(result, {text}) for result in results]), exact[text], text)
    assert {sample.text for result in results for sample in result.samples if sample.weight > 0} <= set(exact)


def test_lcd_draws_from_the_masked_rows(engine: Engine, rows: Rows) -> None:
    """Its law is the product of the masked and renormalised rows: no weights, and not the posterior."""
    constraint = bound(constraints()["sparse"], engine)
    open_: list[tuple[tuple[int, ...], int, float]] = [((), constraint.start, 1.0)]
    masses: dict[tuple[int, ...], float] = {}
    tokens = np.arange(SIZE, dtype=np.int32)
    while open_:
        prefix, state, mass = open_.pop()
        after = constraint.advance(np.full(SIZE, state, dtype=np.int64), tokens)
        row = np.exp(rows(prefix).astype(np.float64)) * (after >= 0)
        for token in np.flatnonzero(row).tolist():
            longer, share = (*prefix, token), mass * row[token] / row.sum()
            if token == EOS:
                masses[longer] = share
            elif len(longer) < MAX_TOKENS:
                open_.append((longer, int(after[token]), share))
    count = GROUPS * 4
    results = engine.generate(
        [PROMPT] * (count // 100), constraints()["sparse"], method="lcd", particles=100, max_tokens=MAX_TOKENS
    )
    drawn = Counter(sample.token_ids for one in results for sample in one.samples if sample.finish_reason == "stop")
    assert set(drawn) <= set(masses)
    for text, mass in masses.items():
        assert abs(drawn[text] / count - mass) < 5 * math.sqrt(mass * (1 - mass) / count) + 1e-9, text


@pytest.mark.parametrize(
    "options",
    [
        {"ess_threshold": 0.0},
        {"ess_threshold": 0.5},
        {"ess_threshold": 1.0, "resampling": "residual"},
        {"ess_threshold": 0.8, "resampling": "multinomial", "estimator": "paper"},
        {"ess_threshold": 0.8, "resampling": "stratified", "estimator": "geometric", "temperature": 1.7},
        {"ess_threshold": 0.8, "temperature": 0.6, "top_k": 5, "top_p": 0.95, "min_p": 0.01, "tail_checks": 2},
        {"temperature": 0.0},
    ],
    ids=lambda options: ",".join(f"{name}={value}" for name, value in options.items()),
)
def test_vllm_draws_what_the_reference_draws(engine: Engine, rows: Rows, options: dict[str, Any]) -> None:
    """With one key and float32 rows, token by token; so in distribution, too."""
    grammar = constraints()["sparse"]
    groups = 20
    results = engine.generate([PROMPT] * groups, grammar, particles=PARTICLES, max_tokens=8, seed=5, **options)
    target = Target(
        options.get("temperature", 1.0), options.get("top_p", 1.0), options.get("top_k", 0), options.get("min_p", 0.0)
    )
    tail = {"tail_checks": options["tail_checks"]} if "tail_checks" in options else {}
    estimator = Estimator(options.get("estimator", "auto"), **tail)
    same = 0
    for request, result in enumerate(results):
        run = reference_smc(
            rows,
            bound(grammar, engine),
            PARTICLES,
            target,
            estimator,
            eos_ids=[EOS],
            max_tokens=8,
            seed=5,
            request=request,
            ess_threshold=options.get("ess_threshold", 0.5),
            scheme=options.get("resampling", "systematic"),
        )
        if [p.tokens for p in run.particles] != [sample.token_ids for sample in result.samples]:
            continue
        same += 1
        assert [p.status for p in run.particles] == [sample.finish_reason for sample in result.samples]
        assert len(run.resampled) == result.stats.resamplings
        for particle, sample in zip(run.particles, result.samples, strict=True):
            assert sample.log_weight == pytest.approx(particle.final_log_weight, abs=1e-3)
        if options.get("temperature") != 0:
            assert result.log_evidence == pytest.approx(run.log_evidence, abs=1e-3)
    # vLLM's rows and those of transformers differ by about 1e-6, which moves a draw only if it falls on a boundary.
    assert same >= groups - 1


def test_one_seed_one_result(engine: Engine) -> None:
    grammar = constraints()["pairs"]

    def run(seed: int) -> list[Any]:
        results = engine.generate([PROMPT] * 20, grammar, particles=4, max_tokens=10, seed=seed)
        return [[(sample.token_ids, sample.log_weight) for sample in result.samples] for result in results]

    first = run(1)
    assert run(1) == first
    assert run(2) != first
    # Prompts of one call use different randomness, particles of one prompt, too.
    assert len({str(group) for group in first}) > 1
    assert any(len({tokens for tokens, _ in group}) > 1 for group in first)


def test_without_a_grammar_weights_are_one(engine: Engine) -> None:
    results = engine.generate([PROMPT] * 10, None, particles=4, max_tokens=12, seed=3)
    for result in results:
        complete = [sample for sample in result.samples if sample.finish_reason == "stop"]
        assert all(sample.log_weight == pytest.approx(0, abs=1e-6) for sample in complete)
        assert math.exp(result.log_evidence) == pytest.approx(len(complete) / 4)
        assert result.stats.resamplings == 0


@pytest.mark.parametrize("name", ["sparse", "both", "anything"])
def test_healed_prompts_equal_enumeration(engine: Engine, rows: Rows, name: str) -> None:
    """The prompt's last token is written again; masses and evidence are those after the shorter prompt."""
    prompt = [*PROMPT, 4]  # "ab" is taken back
    constraint = constraints().get(name)
    behind = (
        AnyTokenBehind(engine.vocabulary, SIZE, b"ab")
        if constraint is None
        else constraint.bind(engine.vocabulary, b"ab")
    )
    exact = exact_posterior(rows, behind, SIZE, EOS, MAX_TOKENS - 1)
    results = engine.generate(
        [prompt] * 400, constraint, particles=PARTICLES, max_tokens=MAX_TOKENS - 1, seed=3, ess_threshold=0.7, heal=True
    )
    evidence = sum(exact.values())
    assert_mean(np.array([math.exp(result.log_evidence) for result in results]), evidence, name)
    texts: Counter[str] = Counter()
    for tokens, mass in exact.items():
        texts[b"".join(engine.vocabulary.token_bytes(token) for token in tokens[:-1]).decode()[2:]] += mass
    for text in [text for text, mass in texts.items() if mass > evidence / 30]:
        assert_mean(np.array([mass_of(result, {text}) for result in results]), texts[text], text)
    for result in results:
        for sample in result.samples:
            written = b"".join(engine.vocabulary.token_bytes(token) or b"" for token in sample.token_ids).decode()
            assert written == "ab" + sample.text or "ab".startswith(written)
    same = engine.generate("abcab", constraint, particles=2, max_tokens=4, seed=1, heal=True)
    as_tokens = engine.generate([4, 3, 4], constraint, particles=2, max_tokens=4, seed=1, heal=True)
    assert as_tokens.samples == same.samples
