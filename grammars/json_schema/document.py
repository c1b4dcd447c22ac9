"""Schemas and where they live: subschemas as small integers, resources, and the resolution of $ref.

A *literal* is a subschema or its negation, as an integer (index * 2, plus 1 if negated); a *goal* is a sorted tuple
of literals: what one value must satisfy at once. The empty goal is any value, NOTHING is no value. There are finitely
many subschemas, so there are finitely many goals: whatever is memoised by goal ends, however recursive the schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from ..errors import GrammarError
from .dialects import UNSPECIFIED, Dialect, check_keyword, dialect_of, parts, refuse_other_drafts

Goal = tuple[int, ...]
ANYTHING: Goal = ()
NOTHING: Goal = (-1,)


def conjunction(first: Goal, second: Goal) -> Goal:
    """The goal that demands both."""
    if not first or first == second:
        return second
    if not second:
        return first
    merged = {*first, *second}
    if -1 in merged or any(literal ^ 1 in merged for literal in merged):
        return NOTHING
    return tuple(sorted(merged))


def negations(goal: Goal) -> list[Goal]:
    """Goals whose union is everything that does not satisfy `goal`."""
    if goal == NOTHING:
        return [ANYTHING]
    return [(literal ^ 1,) for literal in goal]


def escaped(token: str) -> str:
    """`token` as a reference token of a JSON pointer (RFC 6901, section 3)."""
    return token.replace("~", "~0").replace("/", "~1") if "~" in token or "/" in token else token


class Resource:
    """A schema document, or a part of one with an `$id` of its own.

    `dynamic` are its anchors that $dynamicRef may be bound to ("": its root, for $recursiveRef). `scope` binds such
    names to the outermost resource on the way here that has them; a resource that is reached in several scopes exists
    once for each, with the same `base`.
    """

    __slots__ = ("anchors", "base", "dialect", "dynamic", "pointer", "root", "scope", "uri")

    def __init__(self, root: Any, uri: str, pointer: str, dialect: Dialect) -> None:
        self.root = root
        self.uri = uri
        self.pointer = pointer
        self.dialect = dialect
        self.base = self
        self.anchors: dict[str, tuple[Any, str]] | None = None
        self.dynamic: dict[str, tuple[Any, str]] = {}
        self.scope: dict[str, tuple[Any, Resource, str]] = {}

    def within(self, scope: dict[str, tuple[Any, Resource, str]]) -> Resource:
        """This resource as seen in another dynamic scope."""
        seen = Resource(self.root, self.uri, self.pointer, self.dialect)
        seen.base, seen.anchors, seen.dynamic, seen.scope = self.base, self.anchors, self.dynamic, scope
        return seen


class Subschema:
    """A schema at its place. `shared`: some $ref leads here. `keywords`: those that the dialect knows."""

    __slots__ = ("index", "keywords", "pointer", "resource", "shared", "value")

    def __init__(self, value: Any, resource: Resource, pointer: str, index: int) -> None:
        self.value = value
        self.resource = resource
        self.pointer = pointer
        self.index = index
        self.shared = False
        known = resource.dialect.keywords
        self.keywords: dict[str, Any] = (
            {word: item for word, item in value.items() if word in known} if isinstance(value, dict) else {}
        )
        if "$ref" in self.keywords and not resource.dialect.ref_has_siblings:
            self.keywords = {"$ref": self.keywords["$ref"]}
        elif isinstance(value, dict):
            refuse_other_drafts(value, pointer, resource.dialect)
            own = value.get(resource.dialect.id_keyword, "")
            if not isinstance(own, str):
                where = f"{pointer}/{resource.dialect.id_keyword}"
                raise GrammarError(f"{resource.dialect.id_keyword} must be a string", pointer=where, text=repr(own))
        for word, item in self.keywords.items():
            check_keyword(word, item, pointer, resource.dialect)


class Document:
    """The schema to be lowered, with all resources that it may refer to."""

    def __init__(self, root: Any, resources: Mapping[str, Any] | None, has_ids: bool) -> None:
        self.subschemas: list[Subschema] = []
        self._by_place: dict[tuple[int, int], Subschema] = {}
        self._constants: dict[int, int] = {}
        self._disjunctions: dict[tuple[Goal, ...], int] = {}
        self.alternatives: dict[int, tuple[Goal, ...]] = {}
        self._kept: list[Any] = []
        self._resources: dict[str, Resource] = {}
        self._identified: dict[int, Resource] = {}  # by identity of the schema that carries the id
        self._scoped: dict[tuple[int, tuple[tuple[str, int], ...]], Resource] = {}
        self._external = {_joined("", uri, None)[0]: document for uri, document in (resources or {}).items()}
        self._has_ids = has_ids or bool(resources)
        self.root = self._add_resource(root, "", "", UNSPECIFIED)
        self.root = self._enter(self.root, self.root)

    # Resources -----------------------------------------------------------------------------------------------------

    def _add_resource(self, root: Any, uri: str, label: str, inherited: Dialect) -> Resource:
        dialect = dialect_of(root, inherited, label, self._external)
        own = self._own_id(root, dialect)
        resource = Resource(root, _joined(uri, own, f"{label}/{dialect.id_keyword}")[0] if own else uri, label, dialect)
        self._resources[uri] = self._resources[resource.uri] = resource
        if isinstance(root, dict):
            self._identified[id(root)] = resource
        if self._has_ids:
            self._index(resource)
        return resource

    def _enter(self, resource: Resource, current: Resource) -> Resource:
        """The resource as seen from `current`, whose dynamic scope it extends by the anchors that are not bound yet."""
        if resource is current or resource.base is current.base:
            if current.scope or not resource.dynamic:
                return current
        elif not resource.base.dynamic and not current.scope:
            return resource.base
        scope = dict(current.scope)
        for name, (value, pointer) in resource.dynamic.items():
            scope.setdefault(name, (value, resource.base, pointer))
        key = (id(resource.base), tuple(sorted((name, id(bound[0])) for name, bound in scope.items())))
        found = self._scoped.get(key)
        if found is None:
            found = self._scoped[key] = resource.base.within(scope)
        return found

    @staticmethod
    def _own_id(value: Any, dialect: Dialect) -> str | None:
        """The `$id` of a schema if it starts a resource of its own (a mere "#name" is an anchor)."""
        if not isinstance(value, dict):
            return None
        own = value.get(dialect.id_keyword)
        if not isinstance(own, str) or own.startswith("#"):
            return None
        if "$ref" in value and not dialect.ref_has_siblings:
            return None
        return own

    def _index(self, resource: Resource) -> None:
        """Finds the resources and anchors inside a resource."""
        resource.anchors = {}
        if not isinstance(resource.root, dict):
            return
        stack: list[tuple[dict[str, Any], Resource, str]] = [(resource.root, resource, resource.pointer)]
        while stack:
            value, owner, pointer = stack.pop()
            own = self._own_id(value, owner.dialect)
            if own is not None and value is not owner.root:
                inner = Resource(
                    value, _joined(owner.uri, own, f"{pointer}/{owner.dialect.id_keyword}")[0], pointer, owner.dialect
                )
                if "$schema" in value:
                    inner.dialect = dialect_of(value, owner.dialect, pointer, self._external)
                inner.anchors = {}
                self._resources.setdefault(inner.uri, inner)
                self._identified[id(value)] = inner
                owner = inner
            assert owner.anchors is not None
            for word in ("$anchor", "$dynamicAnchor"):
                if isinstance(value.get(word), str):
                    owner.anchors.setdefault(value[word], (value, pointer))
                    if word == "$dynamicAnchor":
                        owner.dynamic.setdefault(value[word], (value, pointer))
            if value is owner.root and value.get("$recursiveAnchor") is True:
                owner.dynamic[""] = (value, pointer)
            name = value.get(owner.dialect.id_keyword)
            if isinstance(name, str) and name.startswith("#"):  # the anchors of drafts 4 to 7
                owner.anchors.setdefault(name[1:], (value, pointer))
            for path, part in parts(value, owner.dialect):
                stack.append((part, owner, "/".join([pointer, *map(escaped, path)])))

    def _resource(self, uri: str) -> Resource | None:
        found = self._resources.get(uri)
        if found is None:
            if uri in self._external:
                document = self._external[uri]
            elif "json-schema.org/" in uri:
                # The drafts' own meta-schemas come with jsonschema; imported only when one is referred to.
                from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

                try:
                    document = REGISTRY.contents(uri)
                except LookupError:
                    return None
            else:
                return None
            had_ids, self._has_ids = self._has_ids, True
            found = self._add_resource(document, uri, f"{uri}#", self.root.dialect)
            self._has_ids = had_ids
        return found

    # Subschemas and goals -------------------------------------------------------------------------------------------

    def subschema(self, value: Any, resource: Resource, pointer: str) -> Subschema:
        """The subschema with this value; one object per place."""
        own = self._identified.get(id(value))
        if own is not None and own is not resource.base:
            resource = self._enter(own, resource)
        key = (id(value), id(resource))
        found = self._by_place.get(key)
        if found is None:
            found = Subschema(value, resource, pointer, len(self.subschemas))
            self._by_place[key] = found
            self.subschemas.append(found)
        return found

    def goal(self, parent: Subschema, value: Any, *path: str) -> Goal:
        """The goal of satisfying the schema `value`, found under `parent` along `path`."""
        if value is True or (isinstance(value, dict) and not value):
            return ANYTHING
        if value is False:
            return NOTHING
        pointer = "/".join([parent.pointer, *map(escaped, path)])
        return self.goal_of(self.subschema(value, parent.resource, pointer))

    def goal_of(self, subschema: Subschema) -> Goal:
        """The goal of satisfying `subschema`; a bare $ref is followed to its target."""
        seen = [subschema]
        while len(subschema.keywords) == 1 and "$ref" in subschema.keywords:
            subschema = self.resolve(subschema, "$ref")
            if subschema in seen:
                raise circular(seen[0])
            seen.append(subschema)
        if subschema.value is False:
            return NOTHING
        return (subschema.index * 2,) if subschema.keywords else ANYTHING

    def constant_goal(self, value: Any, pointer: str) -> Goal:
        """The goal of being equal to `value`, a part of a const or an enum."""
        index = self._constants.get(id(value))
        if index is None:
            schema = {"const": value}
            self._kept.append(schema)
            subschema = self.subschema(schema, Resource(schema, "", pointer, UNSPECIFIED), pointer)
            index = self._constants[id(value)] = subschema.index
        return (index * 2,)

    def any_goal(self, goals: tuple[Goal, ...]) -> Goal:
        """The goal of satisfying at least one of `goals`; `alternatives` has them under the index of its subschema."""
        distinct = tuple(sorted({goal for goal in goals if goal != NOTHING}))
        if ANYTHING in distinct or not distinct:
            return ANYTHING if distinct else NOTHING
        if len(distinct) == 1:
            return distinct[0]
        index = self._disjunctions.get(distinct)
        if index is None:
            pointer = goals_pointer(self, distinct[0]) or ""
            schema: dict[str, Any] = {}
            self._kept.append(schema)
            subschema = self.subschema(schema, Resource(schema, "", pointer, UNSPECIFIED), pointer)
            index = self._disjunctions[distinct] = subschema.index
            self.alternatives[index] = distinct
        return (index * 2,)

    # References -----------------------------------------------------------------------------------------------------

    def resolve(self, subschema: Subschema, keyword: str) -> Subschema:
        """The target of a reference keyword. Raises GrammarError where there is none."""
        reference: str = subschema.keywords[keyword]
        place = f"{subschema.pointer}/{keyword}"
        resource: Resource | None = subschema.resource
        assert resource is not None
        fragment = reference[1:]
        if not reference.startswith("#"):
            uri, fragment = _joined(resource.uri, reference, place)
            resource = self._resource(uri)
            if resource is None:
                raise GrammarError(
                    f"{keyword} refers to a document that is not here: {uri}",
                    pointer=place,
                    text=reference,
                    hint=f"pass it: json_schema(..., resources={{{uri!r}: ...}})",
                )
        fragment = unquote(fragment)
        if fragment == "":
            target, pointer = resource.root, resource.pointer
        elif fragment.startswith("/"):
            target, resource, pointer = self._walk(resource, fragment, place, reference)
        else:
            if resource.anchors is None:
                self._index(resource)
            assert resource.anchors is not None
            if fragment not in resource.anchors:
                raise GrammarError(f"{keyword} refers to an anchor that does not exist", pointer=place, text=reference)
            target, pointer = resource.anchors[fragment]
        name = "" if keyword == "$recursiveRef" else fragment
        bound = subschema.resource.scope.get(name)
        if keyword != "$ref" and bound is not None and resource.dynamic.get(name, (None,))[0] is target:
            target, resource, pointer = bound
        if not isinstance(target, (dict, bool)):
            raise GrammarError(f"{keyword} refers to something that is not a schema", pointer=place, text=reference)
        found = self.subschema(target, self._enter(resource, subschema.resource), pointer)
        found.shared = True
        return found

    def _walk(self, resource: Resource, fragment: str, place: str, reference: str) -> tuple[Any, Resource, str]:
        target, pointer = resource.root, resource.pointer
        for token in fragment[1:].split("/"):
            token = token.replace("~1", "/").replace("~0", "~")
            if isinstance(target, dict) and token in target:
                target = target[token]
            elif isinstance(target, list) and token.isascii() and token.isdigit() and int(token) < len(target):
                target = target[int(token)]
            else:
                raise GrammarError(
                    "the reference leads nowhere: " + (f"there is no {token!r} under {pointer or '#'}"),
                    pointer=place,
                    text=reference,
                )
            pointer = f"{pointer}/{escaped(token)}"
            resource = self._identified.get(id(target), resource)
        return target, resource, pointer


def _joined(base: str, reference: str, pointer: str | None) -> tuple[str, str]:
    """A URI reference resolved against `base`, as (URI, fragment). Raises GrammarError, with the pointer."""
    try:
        uri, fragment = urldefrag(urljoin(base, reference))
    except ValueError as error:
        raise GrammarError(f"not a URI reference: {error}", pointer=pointer, text=reference) from None
    return uri, fragment


def circular(subschema: Subschema) -> GrammarError:
    """The error of a schema that refers to itself without a value in between."""
    return GrammarError(
        "$ref is circular: the schema demands itself of the same value", pointer=subschema.pointer or "#"
    )


def goals_pointer(document: Document, goals: Iterable[int]) -> str | None:
    """Where the first subschema of a goal stands."""
    for literal in goals:
        if literal >= 0:
            return document.subschemas[literal >> 1].pointer
    return None
