"""The official JSON-Schema-Test-Suite: what passed passes, and nothing is accepted wrongly."""

from __future__ import annotations

import pytest
from conformance import RATCHET, SUITE, UPDATE, Case, Comparison, outcomes, print_table, read_ratchet, write_ratchet


@pytest.mark.skipif(not SUITE.exists(), reason=f"the test suite is not at {SUITE}")
def test_suite() -> None:
    found, known = dict(outcomes()), read_ratchet()
    difference = Comparison.of(found, known)
    print_table(found)
    if difference.improved or difference.unknown:
        print(f"{len(difference.improved)} improved, {len(difference.unknown)} new; record them: {UPDATE}")
    assert not difference.absolute
    assert not difference.failed_again


def test_ratchet_file(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    known = read_ratchet()
    monkeypatch.setattr("conformance.RATCHET", tmp_path / RATCHET.name)
    write_ratchet(known)
    assert (tmp_path / RATCHET.name).read_bytes() == RATCHET.read_bytes()


def test_comparison() -> None:
    a, b, c, d = (Case("draft7", "type.json", "group", test) for test in "abcd")
    found = {a: "pass", b: "refused", c: "accepted", d: "rejected"}
    difference = Comparison.of(found, {a: "refused", b: "pass", c: "accepted"})
    assert difference == Comparison(improved=[a], failed_again=[b], unknown=[d], absolute=[c])
