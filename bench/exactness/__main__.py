"""Every method against exact enumeration: 6 small models, 5 grammars.

    python -m tamis.bench.exactness

Prints and saves docs/results/exactness.md and its plot.  The exit status is 1 where a method that should be exact is
not, or where the bias of a single run does not fall as 1/N.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.progress import Progress

from ...engine import predicate
from ...grammars import Grammar, Vocabulary, ebnf, regex
from . import llamas
from .distances import compare
from .enumeration import exact_posterior
from .single_runs import bias_by_size
from .tables import Measurements, report
from .variants import VARIANTS, Task, groups_of


def models() -> dict[str, llamas.Rows]:
    """Two random models at each of three sharpnesses."""
    return {
        f"{name}{seed}": llamas.Rows(llamas.make(seed, sharpness), llamas.PROMPT)
        for name, sharpness in (("flat", 0.5), ("mild", 1.0), ("sharp", 2.0))
        for seed in (2, 3)
    }


def grammars() -> dict[str, Any]:
    """Many texts; dead ends for tokens; a lure into improbable ends; nesting; a mixture with a predicate."""
    letters: Any = regex("[abc]{2,6}")
    return {
        "pairs": regex("(ab|ba|cc)+d?"),
        "sparse": regex("(ab|bac|ccd|da)+"),
        "lure": regex("[abc]d[abcd]{4}|c[abc]"),
        "nested": ebnf('root ::= "a" root "b" | "c" root "d" | "cc"'),
        "mixture": predicate(lambda s: "bb" not in s, complete=lambda s: s[0] == s[-1]) & letters,
    }


def tasks() -> Iterator[Task]:
    """Every model with every grammar."""
    vocabulary = Vocabulary([None, *(piece.encode() for piece in llamas.PIECES)], eos_ids=[llamas.EOS])
    for model_name, model in models().items():
        for grammar_name, grammar in grammars().items():
            bound = grammar.compile().bind(vocabulary) if isinstance(grammar, Grammar) else grammar.bind(vocabulary)
            exact = exact_posterior(model, bound, llamas.SIZE, llamas.EOS, llamas.MAX_TOKENS)
            yield Task(model_name, grammar_name, model, bound, exact)


def main(
    runs: Annotated[int, typer.Option(help="Independent groups of 8 particles per model, grammar and method.")] = 1000,
    singles: Annotated[int, typer.Option(help="Particles for each point of the curve over group sizes.")] = 100_000,
    seed: Annotated[int, typer.Option(help="Of all randomness.")] = 0,
    save: Annotated[bool, typer.Option(help="Write docs/results/exactness.md.")] = True,
) -> None:
    """Measure, print the tables, and fail where exactness does."""
    everything = list(tasks())
    found = Measurements(everything)
    with Progress() as progress:
        bar = progress.add_task("models x grammars", total=len(everything) * len(VARIANTS))
        for task in everything:
            for variant in VARIANTS:
                found.comparisons[task.name, variant.name] = compare(groups_of(task, variant, runs, seed), task.exact)
                progress.advance(bar)
        some = [task for task in everything if task.model_name == "mild2"]
        bar = progress.add_task("bias by size", total=len(some))
        for task in some:
            found.curves[task.grammar_name] = bias_by_size(task, singles, seed + 1)
            progress.advance(bar)
    command = f"make exactness (python -m tamis.bench.exactness --runs {runs} --singles {singles} --seed {seed})"
    tables, failures = report(found, command, runs, plot=save)
    tables.conclude(failures, save=save)


if __name__ == "__main__":
    typer.run(main)
