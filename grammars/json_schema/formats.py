"""The standard formats: what grammar each one is, mostly as one regular expression (ECMA syntax, on the whole string).

Sources: RFC 3339 (dates and times, durations in appendix A), RFC 4122 (uuid), RFC 3986 (uri), RFC 3987 (iri), RFC
6570 (uri-template), RFC 5321 section 4.1.2 (email) and RFC 6531 section 3.3 (idn-email), RFC 1123 section 2.1 with RFC
5890 to 5893 (hostname, idn-hostname), RFC 2673 section 3.2 (ipv4), RFC 4291 section 2.2 (ipv6), RFC 6901 (pointers),
ECMA-262 section 22.2.1 (regex).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from .._core import MachineSource, format_machine, pattern_machine
from ..builder import Builder
from ..regex import Node, lower_pattern, parse
from ..regex.charsets import normalise, single
from ..regex.properties import all_expressions, unicode_property

_LEAP_YEAR = r"(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_COMMON_YEAR = r"(?:\d\d(?:[02468][1235679]|[13579][01345789])|(?:[02468][1235679]|[13579][01345789])00)"
_DATE = (
    r"(?:\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))"
    rf"|{_LEAP_YEAR}-02-29)"
)
_LAST_OF_MONTH = rf"(?:\d{{4}}-(?:(?:0[13578]|1[02])-31|(?:0[469]|11)-30)|{_COMMON_YEAR}-02-28|{_LEAP_YEAR}-02-29)"
_FIRST_OF_MONTH = r"\d{4}-(?:0[1-9]|1[0-2])-01"
_FRACTION = r"(?:\.\d+)?"
_OFFSET = r"(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
_TIME = rf"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d{_FRACTION}{_OFFSET}"


def _leap_seconds(builder: Builder, codec: int, first: int, last: int) -> list[int]:
    """Second 60, which only the last minute of a UTC day has, under any offset.

    `first` and `last` stand before the time where the local day is the one after that UTC day, and where it is the
    same day; of a date-time they say that UTC's day is the last one of its month (RFC 3339, appendix D). Hours are
    paired with hours and minutes with minutes, which intersected say what thousands of pairs of times would.
    """

    def text(string: str) -> int:
        return builder.text(string, codec)

    minute, two = _expression(builder, r"[0-5]\d", codec), _expression(builder, r"\d\d:", codec)
    second = builder.seq([text(":60"), _expression(builder, _FRACTION, codec)])
    behind_utc, ahead_of_utc = builder.seq([text("-"), two]), builder.seq([text("+"), two])
    # Local time = 23:59 - offset, on the same day.
    behind = [[text(f"{hour:02}:"), minute, second, text(f"-{23 - hour:02}:"), minute] for hour in range(24)]
    behind_minutes = [[two, text(f"{part:02}"), second, behind_utc, text(f"{59 - part:02}")] for part in range(60)]
    # Local time = offset - 00:01, on the next day.
    ahead = [[text(f"{hour:02}:"), minute, second, text(f"+{hour:02}:"), minute] for hour in range(24)]
    ahead_minutes = [[two, text(f"{part:02}"), second, ahead_of_utc, text(f"{part + 1:02}")] for part in range(59)]
    full_hours = [[text(f"{hour:02}:59"), second, text(f"+{hour + 1:02}:00")] for hour in range(23)]

    def union(day: int, cases: list[list[int]]) -> int:
        return builder.seq([day, builder.alt([builder.seq(case) for case in cases])])

    midnight = [text("23:59"), second, _expression(builder, r"(?:[Zz]|\+00:00)", codec)]
    return [
        union(last, [midnight]),
        builder.intersect([union(last, behind), union(last, behind_minutes)]),
        builder.intersect([union(first, ahead), union(first, ahead_minutes)]),
        union(first, full_hours),
    ]


def _time(builder: Builder, codec: int) -> int:
    nothing = builder.text("", codec)
    return builder.alt([_expression(builder, _TIME, codec), *_leap_seconds(builder, codec, nothing, nothing)])


def _date_time(builder: Builder, codec: int) -> int:
    first, last = (_expression(builder, f"{day}[Tt]", codec) for day in (_FIRST_OF_MONTH, _LAST_OF_MONTH))
    plain = _expression(builder, f"{_DATE}[Tt]{_TIME}", codec)
    return builder.alt([plain, *_leap_seconds(builder, codec, first, last)])


def _duration() -> str:
    time = r"T(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S)"
    days = r"(?:\d+D|\d+M(?:\d+D)?|\d+Y(?:\d+M(?:\d+D)?)?)"
    return rf"P(?:{days}(?:{time})?|{time}|\d+W)"


_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"


def _ipv6() -> str:
    group = r"[0-9A-Fa-f]{1,4}"
    forms = [rf"(?:{group}:){{6}}(?:{group}:{group}|{_IPV4})"]
    for before in range(8):  # groups before "::"; at most 7 in all, an IPv4 address counts as two
        head = rf"{group}(?::{group}){{{before - 1}}}" if before else ""
        left = 7 - before
        tails = [""]
        if left:
            tails.append(rf"{group}(?::{group}){{0,{left - 1}}}")
        if left >= 2:
            tails.append(rf"(?:{group}:){{0,{left - 2}}}{_IPV4}")
        forms.append(rf"{head}::(?:{'|'.join(tails)})")
    return "(?:" + "|".join(forms) + ")"


# At most 63 characters, no hyphen at either end, nor as third and fourth (RFC 5891, 4.2.3.1).
_ALNUM = "[A-Za-z0-9]"
_LABEL = (
    rf"{_ALNUM}(?:[A-Za-z0-9-]{{0,2}}{_ALNUM}"
    rf"|[A-Za-z0-9-](?:{_ALNUM}[A-Za-z0-9-]|-{_ALNUM})[A-Za-z0-9-]{{0,58}}{_ALNUM})?"
)
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]+"


def _email(beyond: str) -> str:
    """RFC 5321 Mailbox; `beyond` are further characters (RFC 6531 allows all outside of ASCII)."""
    atext = _ATEXT.replace("]+", beyond + "]+")
    quoted = rf'"(?:[ !#-\[\]-~{beyond}]|\\[ -~])*"'
    label = rf"[A-Za-z0-9{beyond}](?:[A-Za-z0-9\-{beyond}]*[A-Za-z0-9{beyond}])?"
    literal = rf"\[(?:{_IPV4}|[Ii][Pp][Vv]6:{_ipv6()})\]"
    return rf"(?:{atext}(?:\.{atext})*|{quoted})@(?:{label}(?:\.{label})*|{literal})"


# RFC 3987: ucschar and iprivate.
_UCSCHAR = "\u00a0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef" + "".join(
    rf"\u{{{plane:x}{'1000' if plane == 14 else '0000'}}}-\u{{{plane:x}fffd}}" for plane in range(1, 15)
)
_IPRIVATE = "\ue000-\uf8ff" + r"\u{f0000}-\u{ffffd}\u{100000}-\u{10fffd}"


def _uri(relative: bool, beyond: str = "", private: str = "") -> str:
    """RFC 3986 URI (or URI-reference); with `beyond` and `private` the IRI of RFC 3987."""
    escape = "%[0-9A-Fa-f]{2}"
    unreserved = rf"A-Za-z0-9._~\-{beyond}"
    delimiters = "!$&'()*+,;="
    pchar = rf"(?:[{unreserved}{delimiters}:@]|{escape})"
    future = rf"[Vv][0-9A-Fa-f]+\.[A-Za-z0-9._~{delimiters}:-]+"
    host = rf"(?:\[(?:{_ipv6()}|{future})\]|(?:[{unreserved}{delimiters}]|{escape})*)"
    authority = rf"(?:(?:[{unreserved}{delimiters}:]|{escape})*@)?{host}(?::\d*)?"
    path = rf"(?://{authority}(?:/{pchar}*)*|/(?:{pchar}+(?:/{pchar}*)*)?|{pchar}+(?:/{pchar}*)*|)"
    tail = rf"(?:\?(?:{pchar}|[/?{private}])*)?(?:#(?:{pchar}|[/?])*)?"
    absolute = rf"[A-Za-z][A-Za-z0-9+.-]*:{path}{tail}"
    if not relative:
        return absolute
    segment = rf"(?:[{unreserved}{delimiters}@]|{escape})+"  # the first one may not look like a scheme
    near = rf"(?://{authority}(?:/{pchar}*)*|/(?:{pchar}+(?:/{pchar}*)*)?|{segment}(?:/{pchar}*)*|)"
    return rf"(?:{absolute}|{near}{tail})"


def _uri_template() -> str:
    literal = rf"(?:[!#$&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~{_UCSCHAR}{_IPRIVATE}]|%[0-9A-Fa-f]{{2}})"
    character = r"(?:\w|%[0-9A-Fa-f]{2})"
    variable = rf"{character}(?:\.?{character})*(?::[1-9]\d{{0,3}}|\*)?"
    return rf"(?:{literal}|\{{[+#./;?&=,!@|]?{variable}(?:,{variable})*\}})*"


_POINTER = r"(?:/(?:[^/~]|~[01])*)*"

_EXPRESSIONS: dict[str, Callable[[], str]] = {
    "date": lambda: _DATE,
    "duration": _duration,
    "uuid": lambda: r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "ipv4": lambda: _IPV4,
    "ipv6": _ipv6,
    "email": lambda: _email(""),
    "idn-email": lambda: _email(r"\u{80}-\u{10ffff}"),
    "uri": lambda: _uri(relative=False),
    "uri-reference": lambda: _uri(relative=True),
    "iri": lambda: _uri(False, _UCSCHAR, _IPRIVATE),
    "iri-reference": lambda: _uri(True, _UCSCHAR, _IPRIVATE),
    "uri-template": _uri_template,
    "json-pointer": lambda: _POINTER,
    "relative-json-pointer": lambda: rf"(?:0|[1-9]\d*)(?:#|{_POINTER})",
}


@cache
def _tree(expression: str) -> Node:
    return parse(expression, dialect="ecma")


def _hostname(builder: Builder, codec: int) -> int:
    label = builder.alt([_expression(builder, _LABEL, codec), builder.machine(format_machine("a-label", codec))])
    return builder.intersect([_dotted(builder, label, codec), _expression(builder, "[A-Za-z0-9.-]{1,253}", codec)])


def _idn_hostname(builder: Builder, codec: int) -> int:
    return builder.machine(format_machine("idn-hostname", codec))


def _regex(builder: Builder, codec: int) -> int:
    return builder.machine(_regex_machine(codec))


@cache
def _regex_machine(codec: int) -> MachineSource:
    """ECMA-262, section 12.7: the names of groups are identifiers."""
    start = normalise([*(unicode_property("ID_Start") or ()), *single(ord("$")), *single(ord("_"))])
    part = normalise([*(unicode_property("ID_Continue") or ()), *single(ord("$")), (0x200C, 0x200D)])
    return pattern_machine(all_expressions(), list(start), list(part), codec)


def _expression(builder: Builder, expression: str, codec: int) -> int:
    return lower_pattern(builder, _tree(expression), codec)


def _dotted(builder: Builder, label: int, codec: int) -> int:
    return builder.seq([label, builder.repeat(builder.seq([builder.text(".", codec), label]), 0, -1)])


# What takes more than one expression.
_LOWERINGS: dict[str, Callable[[Builder, int], int]] = {
    "hostname": _hostname,
    "idn-hostname": _idn_hostname,
    "regex": _regex,
    "time": _time,
    "date-time": _date_time,
}

# Every format that a draft defines.
KNOWN_FORMATS: frozenset[str] = frozenset([*_EXPRESSIONS, *_LOWERINGS])


@cache
def _expression_of(name: str) -> str:
    return _EXPRESSIONS[name]()


def lower(builder: Builder, name: str, codec: int) -> int:
    """The node of all strings of the format `name`, spelled by `codec`."""
    if name in _LOWERINGS:
        return _LOWERINGS[name](builder, codec)
    return _expression(builder, _expression_of(name), codec)
