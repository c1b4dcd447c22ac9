"""Random SQL statements, built as syntax trees of sqlglot and written by it."""

from __future__ import annotations

import random
from typing import Any

from sqlglot import exp

TABLES = {
    "users": ["id", "name", "age", "city"],
    "orders": ["id", "user_id", "total", "created"],
    "Line Items": ["order_id", "product", "quantity"],
}
TYPES = ["INT", "TEXT", "DECIMAL(10, 2)", "VARCHAR(20)", "TIMESTAMP"]
COMPARISONS = [exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE]


class SqlTexts:
    """Statements that differ, the same ones for the same generator of random numbers."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._aliases = 0

    def text(self) -> str:
        """One statement, on one line or pretty-printed, with keywords in capitals or without."""
        text: str = self._statement().sql(pretty=self._chance(0.5), identify=self._chance(0.2), dialect="sqlite")
        return text if self._chance(0.8) else text.lower()

    def _chance(self, probability: float) -> bool:
        return self._rng.random() < probability

    def _statement(self) -> Any:
        kind = self._rng.random()
        table, columns = self._rng.choice(list(TABLES.items()))
        if kind < 0.75:
            return self._query(3)
        where = self._condition([(table, columns)], 1)
        if kind < 0.82:
            return exp.update(exp.to_table(table, quoted=True), {columns[1]: self._value(2, [])}, where=where)
        if kind < 0.88:
            return exp.delete(exp.to_table(table, quoted=True), where=where)
        if kind < 0.94:
            rows = [tuple(self._literal() for _ in columns) for _ in range(self._rng.randint(1, 3))]
            return exp.insert(exp.values(rows), exp.to_table(table, quoted=True), columns=columns)
        made = [
            exp.ColumnDef(this=exp.to_identifier(c), kind=exp.DataType.build(self._rng.choice(TYPES))) for c in columns
        ]
        schema = exp.Schema(this=exp.to_table(table, quoted=True), expressions=made)
        return exp.Create(this=schema, kind="TABLE", exists=self._chance(0.5))

    def _query(self, depth: int) -> Any:
        query = self._select(depth)
        while depth > 1 and self._chance(0.15):
            query = query.union(self._select(1), distinct=self._chance(0.5))
        if depth > 2 and self._chance(0.2):
            query = query.with_("recent", as_=self._select(1))
        if self._chance(0.3):
            query = query.order_by(exp.Ordered(this=exp.column("id"), desc=self._chance(0.5)))
        if self._chance(0.3):
            query = query.limit(self._rng.randint(1, 100))
            query = query.offset(self._rng.randint(1, 9)) if self._chance(0.3) else query
        return query

    def _select(self, depth: int) -> Any:
        scope = [self._source(depth)]
        query = exp.select().from_(scope[0][2])
        for _ in range(self._rng.choice([0, 0, 1, 1, 2])):
            joined = self._source(1)
            on = self._comparison([scope[0], joined])
            kind = self._rng.choice(["inner", "left", "cross"])
            query = query.join(joined[2], on=None if kind == "cross" else on, join_type=kind)
            scope.append(joined)
        names = [(alias, columns) for alias, columns, _ in scope]
        items = [self._item(names, depth) for _ in range(self._rng.randint(1, 4))]
        query = query.select(*items) if self._chance(0.9) else query.select("*")
        query = query.distinct() if self._chance(0.1) else query
        if self._chance(0.6):
            query = query.where(self._condition(names, depth))
        if self._chance(0.3):
            query = query.group_by(self._column(names))
            query = query.having(exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(1)))
        return query

    def _source(self, depth: int) -> tuple[str, list[str], Any]:
        self._aliases += 1
        alias = f"t{self._aliases % 7}"
        table, columns = self._rng.choice(list(TABLES.items()))
        if depth > 1 and self._chance(0.2):
            return alias, columns, self._select(depth - 1).subquery(alias)
        return alias, columns, exp.alias_(exp.to_table(table, quoted=" " in table), alias, table=True)

    def _item(self, names: list[tuple[str, list[str]]], depth: int) -> Any:
        value = self._value(depth, names)
        return exp.alias_(value, self._rng.choice(["a", "total_1", "first value"])) if self._chance(0.4) else value

    def _column(self, names: list[tuple[str, list[str]]]) -> Any:
        alias, columns = self._rng.choice(names)
        return exp.column(self._rng.choice(columns), table=alias if self._chance(0.8) else None)

    def _literal(self) -> Any:
        kind = self._rng.random()
        if kind < 0.4:
            return exp.Literal.number(self._rng.choice(["0", "42", "3.14", "1e6", "0.5"]))
        if kind < 0.8:
            return exp.Literal.string(self._rng.choice(["", "x", "O'Brien", "select", "né à 日本", "a\\b", "%x_"]))
        return self._rng.choice([exp.null(), exp.true(), exp.false()])

    def _value(self, depth: int, names: list[tuple[str, list[str]]]) -> Any:
        kind = self._rng.random()
        if depth == 0 or kind < 0.25:
            return self._column(names) if names and self._chance(0.7) else self._literal()
        if kind < 0.5:
            operator = self._rng.choice([exp.Add, exp.Sub, exp.Mul, exp.DPipe])
            return operator(this=exp.paren(self._value(depth - 1, names)), expression=self._value(0, names))
        if kind < 0.65:
            function = self._rng.choice(["SUM", "COALESCE", "MY_FUNCTION", "UPPER", "COUNT"])
            return exp.func(function, *(self._value(depth - 1, names) for _ in range(1)))
        if kind < 0.75:
            case = exp.Case().when(self._condition(names, depth - 1), self._value(depth - 1, names))
            return case.else_(self._literal()) if self._chance(0.6) else case
        if kind < 0.82:
            return exp.cast(self._value(depth - 1, names), self._rng.choice(["INT", "TEXT", "DECIMAL(10, 2)"]))
        if kind < 0.9 and names:
            order = exp.Order(expressions=[exp.Ordered(this=self._column(names), desc=self._chance(0.5))])
            return exp.Window(
                this=exp.func("SUM", self._column(names)), partition_by=[self._column(names)], order=order
            )
        if kind < 0.95:
            return exp.Neg(this=self._literal())
        return exp.select(exp.Max(this=exp.column("age"))).from_("users").subquery()

    def _comparison(self, scope: list[Any]) -> Any:
        names = [(alias, columns) for alias, columns, *_ in scope]
        return self._rng.choice(COMPARISONS)(this=self._column(names), expression=self._column(names))

    def _condition(self, names: list[tuple[str, list[str]]], depth: int) -> Any:
        kind = self._rng.random()
        if depth > 0 and kind < 0.3:
            joined = exp.and_ if self._chance(0.6) else exp.or_
            return joined(self._condition(names, depth - 1), self._condition(names, depth - 1))
        column = self._column(names) if names else self._literal()
        if kind < 0.4:
            return exp.not_(self._condition(names, 0))
        if kind < 0.5:
            return exp.In(this=column, expressions=[self._literal() for _ in range(self._rng.randint(1, 3))])
        if kind < 0.6:
            return exp.Between(this=column, low=self._literal(), high=self._value(1, names))
        if kind < 0.68:
            return exp.Like(this=column, expression=exp.Literal.string("a%"))
        if kind < 0.76:
            test = exp.Is(this=column, expression=exp.null())
            return exp.not_(test) if self._chance(0.5) else test
        if kind < 0.8:
            return exp.Exists(this=exp.select("1").from_("orders").where("total > 10"))
        return self._rng.choice(COMPARISONS)(this=column, expression=self._value(depth, names))
