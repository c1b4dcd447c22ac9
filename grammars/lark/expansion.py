"""What lark would multiply out into too many rules, found before it does: optional parts and templates."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from ..errors import GrammarError
from .internals import Definition, NonTerminal, Tree
from .mistakes import mistake

# lark multiplies out the optional parts of a rule and makes a rule of every use of a template.
MAX_ALTERNATIVES: Final = 4096
MAX_INSTANCES: Final = 1000


def check_expansion(source: str, definitions: dict[str, Definition]) -> None:
    """Raises GrammarError for rules that lark would multiply out into too many, and for negative repetitions."""
    for name, definition in definitions.items():
        for repetition in definition.tree.find_data("expr") if definition.tree else ():
            if any(str(bound).startswith("-") for bound in repetition.children[2:]):
                raise mistake(source, f"lark: a negative number of repetitions in {name}", name)
    used = {name for name, definition in definitions.items() if not definition.is_term and not definition.params}
    for name in used | _used_templates(source, definitions):
        tree = definitions[name].tree
        if tree is not None and _alternatives(source, name, tree) > MAX_ALTERNATIVES:
            raise _too_many(source, name)


def _too_many(source: str, name: str) -> GrammarError:
    return mistake(
        source,
        f"the rule {name} has more than {MAX_ALTERNATIVES} alternatives when its optional parts are multiplied out",
        name,
        hint="Split the rule: give some of its parts with ?, [], | or ~ rules of their own.",
    )


def _alternatives(source: str, name: str, tree: Any) -> int:
    """How many alternatives lark makes of a part of a rule. Raises GrammarError where a part has too many."""

    def count(part: Any) -> int:
        made = 1
        if not isinstance(part, Tree):
            return made
        if part.data == "expansions":
            made = sum(map(count, part.children))
        elif part.data == "expansion":
            for item in part.children:
                made = min(made * count(item), MAX_ALTERNATIVES + 1)
        elif part.data == "maybe":
            made = count(part.children[0]) + 1
        elif part.data == "alias":
            made = count(part.children[0])
        elif part.data == "expr":
            inner, sign = count(part.children[0]), str(part.children[1])
            if sign == "~":
                low, high = int(str(part.children[2])), int(str(part.children[-1]))
                # As lark has it: longer ones become rules of up to ten parts.
                made = sum(inner**times for times in range(low, high + 1)) if high < 50 else inner**10
            elif 2 * inner > MAX_ALTERNATIVES:
                made = 2 * inner
            else:
                made = {"?": inner + 1, "*": 2, "+": 1}[sign]
        if made > MAX_ALTERNATIVES:
            raise _too_many(source, name)
        return made

    return count(tree)


class _Use(NamedTuple):
    """A template with its arguments, which are numbers of terms."""

    template: str
    arguments: tuple[int, ...]


def _used_templates(source: str, definitions: dict[str, Definition]) -> set[str]:
    """The templates in use. Raises GrammarError if they make too many rules of each other, or ever more."""
    numbers: dict[_Use | str, int] = {}
    terms: list[_Use | str] = []
    sizes: list[int] = []
    pending: list[tuple[str, dict[str, int]]] = [
        (name, {}) for name, definition in definitions.items() if not definition.is_term and not definition.params
    ]
    used: set[str] = set()
    instances = 0

    def term(part: Any, bound: dict[str, int]) -> int:
        nonlocal instances
        while getattr(part, "data", None) == "value":
            part = part.children[0]
        key: _Use | str
        if getattr(part, "data", None) == "template_usage":
            head = part.children[0].name
            if head in bound and isinstance(terms[bound[head]], str):
                head = str(terms[bound[head]])
            key = _Use(head, tuple(term(item, bound) for item in part.children[1:]))
        elif isinstance(part, NonTerminal) and part.name in bound:
            return bound[part.name]
        else:
            key = part.name if isinstance(part, NonTerminal) else str(part)
        if key not in numbers:
            numbers[key] = len(terms)
            terms.append(key)
            sizes.append(1 + sum(sizes[i] for i in key.arguments) if isinstance(key, _Use) else 1)
            if isinstance(key, _Use) and key.template in definitions:
                instances += 1
                params = definitions[key.template].params
                if instances > MAX_INSTANCES or sizes[-1] > MAX_INSTANCES:
                    message = f"the template {key.template} makes more than {MAX_INSTANCES} rules, perhaps without end"
                    hint = "Use no template inside of its own arguments."
                    raise mistake(source, message, key.template, hint=hint)
                used.add(key.template)
                pending.append((key.template, dict(zip(params, key.arguments, strict=False))))
        return numbers[key]

    while pending:
        name, bound = pending.pop()
        tree = definitions[name].tree
        for usage in tree.find_data("template_usage") if tree is not None else ():
            term(usage, bound)
    return used
