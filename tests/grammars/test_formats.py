"""Formats against what computes rather than matches: datetime, ipaddress, idna."""

from __future__ import annotations

import ipaddress
import json
import random
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache

import idna
import pytest
from tamis.grammars import json_schema


@cache
def judge(name: str) -> Callable[[str], bool]:
    automaton = json_schema({"type": "string", "format": name}).compile()
    return lambda text: automaton.accepts(json.dumps(text).encode())


def is_last_minute_of_utc_day(local: int, offset: int) -> bool:
    return (local - offset) % 1440 == 1439


def test_leap_seconds_of_times() -> None:
    accepts, pick = judge("time"), random.Random(1)
    for local in range(0, 1440, 7):
        for sign in "+-":
            right = (local + 1) % 1440 if sign == "+" else 1439 - local
            for minutes in {right, (right + 1) % 1440, (right + 60) % 1440, pick.randrange(1440)}:
                text = f"{local // 60:02}:{local % 60:02}:60{sign}{minutes // 60:02}:{minutes % 60:02}"
                offset = minutes if sign == "+" else -minutes
                assert accepts(text) is is_last_minute_of_utc_day(local, offset), text
    assert accepts("23:59:60.5z")
    assert not accepts("23:58:60Z")
    assert not accepts("23:59:61Z")


def test_leap_seconds_end_a_month_of_utc() -> None:
    accepts, pick = judge("date-time"), random.Random(2)
    for _ in range(3000):
        year = pick.choice([1900, 1996, 2000, 2015, 2016, 2100])
        day = datetime(year, 1, 1) + timedelta(days=pick.randrange(366))
        if pick.random() < 0.8:  # the last of a month, or the day after it
            day = datetime(year, pick.randrange(2, 13), 1) - timedelta(days=pick.randrange(2))
        sign, minutes = pick.choice("+-"), pick.randrange(1440)
        offset = timedelta(minutes=minutes if sign == "+" else -minutes)
        utc = day + timedelta(hours=23, minutes=59)
        local = utc + offset
        text = f"{local:%Y-%m-%dT%H:%M}:60{sign}{minutes // 60:02}:{minutes % 60:02}"
        assert accepts(text) is ((day + timedelta(days=1)).day == 1), text


def test_dates() -> None:
    accepts = judge("date")
    for year in [1, 4, 100, 400, 1900, 2000, 2023, 2024, 9999]:
        for month in range(14):
            for day in (0, 1, 28, 29, 30, 31, 32):
                text = f"{year:04}-{month:02}-{day:02}"
                try:
                    datetime(year, month, day)
                except ValueError:
                    assert not accepts(text), text
                else:
                    assert accepts(text), text


@pytest.mark.parametrize("name", ["ipv4", "ipv6"])
def test_addresses(name: str) -> None:
    accepts, pick = judge(name), random.Random(3)
    parse = ipaddress.IPv4Address if name == "ipv4" else ipaddress.IPv6Address
    parts = (
        ["0", "00", "1", "9", "10", "99", "255", "256", ""]
        if name == "ipv4"
        else ["", "", "0", "f", "1234", "12345", "1.2.3.4"]
    )
    for _ in range(4000):
        text = (":" if name == "ipv6" else ".").join(pick.choices(parts, k=pick.randrange(1, 10)))
        try:
            parse(text)
        except ValueError:
            assert not accepts(text), text
        else:
            assert accepts(text), text


# Characters of every kind that a rule speaks of: letters that combine, joiners, digits, both directions.
HOST_CHARACTERS = "ab1-lA" + "éßçø\u0301\u0323·͵αβ׳אב־٠٢۰۲عبــ‌‍्कनी・アか漢ㄱ가〮ñ\u0327\u030aåΣσς\u200b\U0001f600"


def is_idna_label(label: str) -> bool:
    """What the idna package says; its tables may know later letters, but none of those above."""
    try:
        if label.isascii() and not label.lower().startswith("xn--"):
            return re.fullmatch("(?!..--)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", label) is not None
        if label.isascii():
            label = label.lower()
            decoded = idna.ulabel(label)
            return not decoded.isascii() and idna.alabel(decoded).decode() == label
        return idna.alabel(label).decode().startswith("xn--")
    except (idna.IDNAError, UnicodeError, IndexError):
        return False


def test_labels_beyond_ascii() -> None:
    accepts, pick = judge("idn-hostname"), random.Random(4)
    valid = 0
    for _ in range(3000):
        label = "".join(pick.choices(HOST_CHARACTERS, k=pick.randrange(1, 6)))
        expected = is_idna_label(label)
        assert accepts(label) is expected, ascii(label)
        valid += expected
    assert valid > 200
    assert accepts("é" * 48) is is_idna_label("é" * 48)
    assert [accepts("é" * n) for n in (50, 70)] == [is_idna_label("é" * n) for n in (50, 70)]


def test_labels_in_punycode() -> None:
    both, pick = (judge("hostname"), judge("idn-hostname")), random.Random(5)
    valid = 0
    for _ in range(2000):
        label = "xn--" + "".join(pick.choices(HOST_CHARACTERS, k=pick.randrange(1, 5))).encode("punycode").decode()
        if pick.random() < 0.4:
            at = pick.randrange(4, len(label))
            label = label[:at] + pick.choice("abz019-A") + label[at + pick.randrange(2) :]
        expected = is_idna_label(label)
        for accepts in both:
            assert accepts(label) is expected, label
        valid += expected
    assert valid > 150


def test_names_of_hosts() -> None:
    accepts = judge("idn-hostname")
    assert accepts("実例。テスト.example")
    assert accepts("a.אב")
    assert not accepts("1a.אב")  # the rule for names with a label written from right to left
    assert accepts("1a.ab")
    assert not accepts("ab..cd")
    assert not accepts("ab.")
    label = "é" * 40  # 47 characters in ASCII
    assert accepts(".".join([label] * 5))
    assert not accepts(".".join([label] * 6))
