"""Grammars: sources in, automata out.

In: a regular expression, a JSON Schema, an EBNF, GBNF or Lark grammar, a list of choices,
a text to quote from, and grammars combined by operators.  Out: a `Grammar` (immutable,
picklable), whose `compile()` gives an `Automaton` over bytes, whose `bind(vocabulary)` gives a `TokenAutomaton` that
says which tokens may come next.  Open `grammar.py` first; each front end has a module of its own, the automata live in
cpp/.
"""

from ._core import Automaton, AutomatonLimitError, TokenAutomaton, special_bytes
from .algebra import recursive, special, text, within
from .choice import choice
from .ebnf import ebnf
from .errors import GrammarError
from .explanation import Explanation
from .gbnf import gbnf
from .grammar import Grammar
from .json_schema import json_schema
from .lark import lark
from .regex import regex
from .structural_tags import Tag, structural_tags
from .structural_tags.formats import from_structural_tag
from .structural_tags.tools import tool_calls
from .substring import substring_of
from .vocabulary import Vocabulary

__all__ = [
    "Automaton",
    "AutomatonLimitError",
    "Explanation",
    "Grammar",
    "GrammarError",
    "Tag",
    "TokenAutomaton",
    "Vocabulary",
    "choice",
    "ebnf",
    "from_structural_tag",
    "gbnf",
    "json_schema",
    "lark",
    "recursive",
    "regex",
    "special",
    "special_bytes",
    "structural_tags",
    "substring_of",
    "text",
    "tool_calls",
    "within",
]
