from ._core import Automaton, AutomatonLimitError, TokenAutomaton
from .errors import GrammarError
from .grammar import Grammar
from .vocabulary import Vocabulary
