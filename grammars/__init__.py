"""Grammars: sources in, automata out.

In: a regular expression, a JSON Schema, an EBNF, GBNF or Lark grammar, a list of choices.  Out: a `Grammar` (immutable,
picklable), whose `compile()` gives an `Automaton` over bytes, whose `bind(vocabulary)` gives a `TokenAutomaton` that
says which tokens may come next.  Open `grammar.py` first; each front end has a module of its own, the automata live in
cpp/.
"""

from ._core import Automaton, AutomatonLimitError, TokenAutomaton
from .choice import choice
from .ebnf import ebnf
from .errors import GrammarError
from .explanation import Explanation
from .gbnf import gbnf
from .grammar import Grammar
from .json_schema import json_schema
from .lark import lark
from .regex import regex
from .vocabulary import Vocabulary

__all__ = [
    "Automaton",
    "AutomatonLimitError",
    "Explanation",
    "Grammar",
    "GrammarError",
    "TokenAutomaton",
    "Vocabulary",
    "choice",
    "ebnf",
    "gbnf",
    "json_schema",
    "lark",
    "regex",
]
