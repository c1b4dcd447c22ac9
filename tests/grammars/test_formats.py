"""Formats against what computes rather than matches: datetime, ipaddress."""

from __future__ import annotations

import ipaddress
import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache

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
