"""Sets of objects: goals by key, required keys, numbers of properties."""

from __future__ import annotations

from typing import NamedTuple

from .document import ANYTHING, NOTHING, Goal, conjunction, negations
from .shapes import NotExpressible, Oracle


class Keys(NamedTuple):
    """A set of keys: these names and whatever matches one of these patterns."""

    names: frozenset[str] = frozenset()
    patterns: frozenset[str] = frozenset()

    def hold(self, name: str, oracle: Oracle) -> bool:
        """Whether `name` is one of them."""
        return name in self.names or any(oracle.matches(("pattern", pattern), name) for pattern in self.patterns)


class KeyRules(NamedTuple):
    """What one schema says of its members: `properties` and `patterns` by key, `other` for keys that neither covers."""

    properties: dict[str, Goal]
    patterns: tuple[tuple[str, Goal], ...] = ()
    other: Goal = ANYTHING

    def goal(self, name: str, oracle: Oracle) -> Goal:
        """What the value under `name` must satisfy."""
        goal = self.properties.get(name)
        for pattern, wanted in self.patterns:
            if oracle.matches(("pattern", pattern), name):
                goal = wanted if goal is None else conjunction(goal, wanted)
        return self.other if goal is None else goal


class ObjectShape(NamedTuple):
    """Objects that obey all `rules`, have the `required` keys and `least` to `most` properties.

    `key` is what every key must satisfy as a string. For each set in `others` there is a key outside of it.
    `evaluated` are the keys that some keyword has looked at, for unevaluatedProperties; None: all.
    """

    rules: tuple[KeyRules, ...] = ()
    required: tuple[str, ...] = ()
    least: int = 0
    most: int | None = None
    key: Goal = ANYTHING
    others: tuple[Keys, ...] = ()
    evaluated: Keys | None = Keys()

    def goal(self, name: str, oracle: Oracle) -> Goal:
        """What the value under `name` must satisfy."""
        goal = ANYTHING
        for rules in self.rules:
            goal = conjunction(goal, rules.goal(name, oracle))
        return goal

    @staticmethod
    def meet(first: ObjectShape, second: ObjectShape) -> ObjectShape | None:
        """Objects in both; None where that is plainly none."""
        most = first.most
        if second.most is not None and (most is None or second.most < most):
            most = second.most
        required = first.required
        if second.required:
            required += tuple(name for name in second.required if name not in required)
        least = max(first.least, second.least)
        if most is not None and max(least, len(required)) > most:
            return None
        rules = first.rules + tuple(item for item in second.rules if not any(item is other for other in first.rules))
        if any(item.properties.get(name) == NOTHING for name in required for item in rules):
            return None
        evaluated = None
        if first.evaluated is not None and second.evaluated is not None:
            evaluated = Keys(
                first.evaluated.names | second.evaluated.names, first.evaluated.patterns | second.evaluated.patterns
            )
        return ObjectShape(
            rules,
            required,
            least,
            most,
            conjunction(first.key, second.key),
            first.others + second.others,
            evaluated,
        )

    def complement(self) -> list[ObjectShape]:
        """Shapes whose union is every other object. Raises NotExpressible where there are none."""
        outside = [ObjectShape((KeyRules({name: NOTHING}),)) for name in self.required]
        if self.least > len(self.required):
            outside.append(ObjectShape(most=self.least - 1))
        if self.most is not None:
            outside.append(ObjectShape(least=self.most + 1))
        for rules in self.rules:
            for name, goal in rules.properties.items():
                outside.extend(ObjectShape((KeyRules({name: other}),), required=(name,)) for other in negations(goal))
            if any(goal != ANYTHING for _, goal in rules.patterns):
                raise NotExpressible("the opposite of patternProperties")
            if rules.other == NOTHING:
                keys = Keys(frozenset(rules.properties), frozenset(pattern for pattern, _ in rules.patterns))
                outside.append(ObjectShape(others=(keys,)))
            elif rules.other != ANYTHING:
                raise NotExpressible("the opposite of additionalProperties with a schema")
        if self.key != ANYTHING:
            raise NotExpressible("the opposite of propertyNames")
        for keys in self.others:
            covered = KeyRules(
                dict.fromkeys(sorted(keys.names), ANYTHING),
                tuple((pattern, ANYTHING) for pattern in sorted(keys.patterns)),
                NOTHING,
            )
            outside.append(ObjectShape((covered,)))
        return outside

    def is_empty(self, oracle: Oracle) -> bool:
        """Whether no object is in it, as far as that can be shown."""
        if self.most is not None and max(self.least, len(self.required)) > self.most:
            return True
        return any(oracle.is_empty(self.goal(name, oracle)) for name in self.required)
