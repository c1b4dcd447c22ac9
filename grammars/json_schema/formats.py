"""The standard formats as regular expressions (ECMA syntax, matched against the whole string).

Sources: RFC 3339 (dates and times, durations in appendix A), RFC 4122 (uuid), RFC 3986 (uri), RFC 3987 (iri), RFC
6570 (uri-template), RFC 5321 section 4.1.2 (email), RFC 1123 section 2.1 with RFC 5890 (hostname), RFC 2673 section
3.2 (ipv4), RFC 4291 section 2.2 (ipv6), RFC 6901 (json-pointer).

Two formats are not exact. time and date-time have second 60 only with offset zero (23:59:60Z): any other offset would
pair each local minute with an offset, thousands of branches in every schema with a time. hostname takes every label
that begins with xn-- and is well-formed in ASCII for punycode, without decoding it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

_YEAR = r"\d{4}"
_LEAP_YEAR = r"(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DATE = (
    rf"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))"
    rf"|{_LEAP_YEAR}-02-29)"
)


# Second 60 ends a UTC day; only offset zero is taken (see above).
_TIME = (
    r"(?:(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
    r"|23:59:60(?:\.\d+)?(?:[Zz]|[+-]00:00))"
)


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


# At most 63 characters, no hyphen at either end, nor as third and fourth (RFC 5891, 4.2.3.1) but behind xn, which
# announces punycode.
_ALNUM = "[A-Za-z0-9]"
_LABEL = (
    rf"(?:{_ALNUM}(?:[A-Za-z0-9-]{{0,2}}{_ALNUM}"
    rf"|[A-Za-z0-9-](?:{_ALNUM}[A-Za-z0-9-]|-{_ALNUM})[A-Za-z0-9-]{{0,58}}{_ALNUM})?"
    rf"|[Xx][Nn]--[A-Za-z0-9-]{{0,58}}{_ALNUM})"
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
    "time": lambda: _TIME,
    "date-time": lambda: rf"{_DATE}[Tt]{_TIME}",
    "duration": _duration,
    "uuid": lambda: r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "ipv4": lambda: _IPV4,
    "ipv6": _ipv6,
    "email": lambda: _email(""),
    "idn-email": lambda: _email(r"\u{80}-\u{10ffff}"),
    "hostname": lambda: rf"{_LABEL}(?:\.{_LABEL})*",
    "uri": lambda: _uri(relative=False),
    "uri-reference": lambda: _uri(relative=True),
    "iri": lambda: _uri(False, _UCSCHAR, _IPRIVATE),
    "iri-reference": lambda: _uri(True, _UCSCHAR, _IPRIVATE),
    "uri-template": _uri_template,
    "json-pointer": lambda: _POINTER,
    "relative-json-pointer": lambda: rf"(?:0|[1-9]\d*)(?:#|{_POINTER})",
}

# Formats with a limit on the whole length.
LONGEST = {"hostname": 253}

# Every format that a draft defines; None where no regular expression says it.
KNOWN_FORMATS: dict[str, object] = {**_EXPRESSIONS, "regex": None, "idn-hostname": None}


@cache
def expression(name: str) -> str:
    """The regular expression of a format."""
    return _EXPRESSIONS[name]()
