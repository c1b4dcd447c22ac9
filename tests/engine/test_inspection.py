"""The history of a run, and the page that shows it."""

import json
import math
import re
from html.parser import HTMLParser

import pytest
from tamis.bench.exactness import llamas
from tamis.bench.exactness.simulation import simulate
from tamis.engine import InputError, Result, critic
from tamis.engine.history import Drawn, Resampled, Restarted
from tamis.engine.inspection import _surviving
from tamis.engine.result import result_from_answer
from tamis.engine.vllm.options import make_options
from tamis.grammars import Vocabulary, regex


def runs(count=20, **options):
    vocabulary = Vocabulary([None, *(piece.encode() for piece in llamas.PIECES)], eos_ids=[llamas.EOS])
    bound = regex("(ab|bac|ccd|da)+").compile().bind(vocabulary)
    weigh = options.pop("critic", None)
    described = make_options(constraint={"kind": "anything"}, particles=6, seed=1, trace=True, **options)
    groups = simulate(
        llamas.Rows(llamas.make(), llamas.PROMPT),
        bound,
        described,
        groups=count,
        eos=llamas.EOS,
        max_tokens=6,
        critic=weigh,
    )
    pieces = ["</end>", *llamas.PIECES]
    return [result_from_answer(group.answer(), lambda ids: "".join(pieces[i] for i in ids)) for group in groups]


CASES = {
    "awrs": {},
    "smc_base": {"method": "smc_base"},
    "rejection": {"method": "rejection"},
    "critic": {"critic": critic(lambda tokens: 0.0, lambda tokens: 0.4 * tokens.count(1), on="tokens")},
}


@pytest.mark.parametrize("name", list(CASES))
def test_the_history_leads_to_the_samples(name):
    events = []
    for result in runs(**CASES[name]):
        lines = [[] for _ in result.samples]
        weights = [0.0] * len(lines)
        for number, event in enumerate(result.history):
            if isinstance(event, Drawn):
                drawn = [other for other in lines[event.slot] if result.history[other].token_id is not None]
                assert event.step == len(drawn)
                if event.token_id is not None:
                    assert event.text == ["</end>", *llamas.PIECES][event.token_id]
                lines[event.slot].append(number)
                weights[event.slot] = event.log_weight
            elif isinstance(event, Resampled):
                lines = [list(lines[ancestor]) for ancestor in event.ancestors]
                weights = [event.log_weight] * len(lines)
            else:
                lines[event.slot] = []
        for sample, line, weight in zip(result.samples, lines, weights, strict=True):
            drawn = [result.history[number].token_id for number in line]
            assert tuple(token for token in drawn if token is not None) == sample.token_ids
            if sample.finish_reason == "stop" and name != "rejection":
                assert sample.log_weight == pytest.approx(weight)
        assert len([event for event in result.history if isinstance(event, Resampled)]) == result.stats.resamplings
        events += result.history
        assert _surviving(result.history, 6) == {number for line in lines for number in line}
    assert any(isinstance(event, Restarted if name == "rejection" else Resampled) for event in events)


@pytest.mark.parametrize("name", list(CASES))
def test_results_survive_json(name):
    for result in runs(**CASES[name]):
        again = Result.from_json(result.to_json())
        assert again == result or (math.isnan(again.log_evidence) and math.isnan(result.log_evidence))


class Page(HTMLParser):
    """Counts elements, and refuses those that are not closed or come from elsewhere."""

    def __init__(self):
        super().__init__()
        self.open, self.counts = [], {}

    def handle_starttag(self, tag, attrs):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        assert not any(name in ("src", "href") for name, _ in attrs)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.counts[tag] = self.counts.get(tag, 0) + 1

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", list(CASES))
def test_the_page_is_self_contained_and_holds_the_run(name):
    result = next(result for result in runs(**CASES[name]) if len(result.history) > 20)
    text = result.to_html()
    page = Page()
    page.feed(text)
    assert not page.open
    draws = sum(isinstance(event, Drawn) for event in result.history)
    assert page.counts["circle"] == draws
    embedded = re.search(r'<script type="application/json" id="run">(.*?)</script>', text, re.DOTALL).group(1)
    assert json.loads(embedded) == result.to_dict()
    # The texts of tokens are escaped, in tooltips and in the embedded JSON.
    assert "</end>" not in text


def test_what_was_not_traced_or_is_no_result_is_refused():
    vocabulary = Vocabulary([None, *(piece.encode() for piece in llamas.PIECES)], eos_ids=[llamas.EOS])
    options = make_options(constraint={"kind": "anything"}, particles=2)
    bound = regex("a").compile().bind(vocabulary)
    (group,) = simulate(
        llamas.Rows(llamas.make(), llamas.PROMPT), bound, options, groups=1, eos=llamas.EOS, max_tokens=6
    )
    with pytest.raises(InputError, match="trace=True"):
        result_from_answer(group.answer(), str).to_html()
    for text in ("", "{}", "[1]", '{"samples": 3}', "null"):
        with pytest.raises(InputError, match=r"no result of Result\.to_json"):
            Result.from_json(text)
