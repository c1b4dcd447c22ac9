"""The Unicode properties of ECMA-262, `\\p{...}`: named as in the standard, with the members that they have in the
regex package's version of Unicode."""

from __future__ import annotations

import functools
import re
from typing import Final

import regex

from .charsets import EVERYTHING, Ranges
from .engine import matched

# ECMA-262, table 68 and PropertyValueAliases.txt.
_CATEGORY_NAMES: Final = """
    C Other Cc Control cntrl Cf Format Cn Unassigned Co Private_Use Cs Surrogate L Letter LC Cased_Letter
    Ll Lowercase_Letter Lm Modifier_Letter Lo Other_Letter Lt Titlecase_Letter Lu Uppercase_Letter
    M Mark Combining_Mark Mc Spacing_Mark Me Enclosing_Mark Mn Nonspacing_Mark
    N Number Nd Decimal_Number digit Nl Letter_Number No Other_Number
    P Punctuation punct Pc Connector_Punctuation Pd Dash_Punctuation Pe Close_Punctuation Pf Final_Punctuation
    Pi Initial_Punctuation Po Other_Punctuation Ps Open_Punctuation
    S Symbol Sc Currency_Symbol Sk Modifier_Symbol Sm Math_Symbol So Other_Symbol
    Z Separator Zl Line_Separator Zp Paragraph_Separator Zs Space_Separator
"""
# ECMA-262, table 67.
_BINARY_NAMES: Final = """
    ASCII ASCII_Hex_Digit AHex Alphabetic Alpha Bidi_Control Bidi_C Bidi_Mirrored Bidi_M Case_Ignorable CI Cased
    Changes_When_Casefolded CWCF Changes_When_Casemapped CWCM Changes_When_Lowercased CWL
    Changes_When_NFKC_Casefolded CWKCF Changes_When_Titlecased CWT Changes_When_Uppercased CWU Dash
    Default_Ignorable_Code_Point DI Deprecated Dep Diacritic Dia Emoji Emoji_Component EComp Emoji_Modifier EMod
    Emoji_Modifier_Base EBase Emoji_Presentation EPres Extended_Pictographic ExtPict Extender Ext Grapheme_Base Gr_Base
    Grapheme_Extend Gr_Ext Hex_Digit Hex IDS_Binary_Operator IDSB IDS_Trinary_Operator IDST ID_Continue IDC ID_Start IDS
    Ideographic Ideo Join_Control Join_C Logical_Order_Exception LOE Lowercase Lower Math Noncharacter_Code_Point NChar
    Pattern_Syntax Pat_Syn Pattern_White_Space Pat_WS Quotation_Mark QMark Radical Regional_Indicator RI
    Sentence_Terminal STerm Soft_Dotted SD Terminal_Punctuation Term Unified_Ideograph UIdeo Uppercase Upper
    Variation_Selector VS White_Space space XID_Continue XIDC XID_Start XIDS
"""
_CATEGORIES: Final = frozenset(_CATEGORY_NAMES.split())
_BINARY: Final = frozenset(_BINARY_NAMES.split())
_SCRIPT: Final = re.compile(r"[A-Z][A-Za-z]*(?:_[A-Z][A-Za-z]*)*\Z")
# What the package does not know by these names.
_ELSEWHERE: Final = {
    "Assigned": r"\P{Cn}",
    "LC": r"[\p{Lu}\p{Ll}\p{Lt}]",
    "Cased_Letter": r"[\p{Lu}\p{Ll}\p{Lt}]",
}


@functools.cache
def unicode_property(name: str) -> Ranges | None:
    """The members of `\\p{name}`; None where ECMA-262 has no such property, or the package does not know it."""
    if name == "Any":
        return EVERYTHING
    key, _, value = name.rpartition("=")
    if value in _CATEGORIES and key in ("", "gc", "General_Category"):
        source = _ELSEWHERE.get(value, rf"\p{{gc={value}}}")
    elif key in ("sc", "Script", "scx", "Script_Extensions") and _SCRIPT.match(value):
        source = rf"\p{{{name}}}"
    elif name in _BINARY or name == "Assigned":
        source = _ELSEWHERE.get(name, rf"\p{{{name}}}")
    else:
        return None
    try:
        return matched(source, frozenset())
    except regex.error:
        return None
