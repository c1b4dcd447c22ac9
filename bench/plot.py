"""Plots as SVG files under docs/results/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot

from .report import RESULTS

Curve = tuple[Sequence[float], Sequence[float], Sequence[float] | None]


def line_plot(
    name: str,
    curves: Mapping[str, Curve],
    *,
    x: str,
    y: str,
    guide: tuple[str, Sequence[float], Sequence[float]] | None = None,
    logarithmic: bool = True,
    title: str = "",
) -> Path:
    """Curves (x, y, half-widths of error bars or None) by label, on logarithmic axes, into docs/results/`name`.svg.

    guide: a label, x and y of a dashed line.
    """
    matplotlib.rcParams["svg.hashsalt"] = name
    figure, axes = pyplot.subplots(figsize=(6.4, 4.0), layout="constrained")
    for label, (xs, ys, errors) in curves.items():
        axes.errorbar(xs, ys, yerr=errors, marker="o", markersize=3, capsize=2, linewidth=1, label=label)
    if guide is not None:
        axes.plot(guide[1], guide[2], "k--", linewidth=0.8, label=guide[0])
    if logarithmic:
        axes.set_xscale("log")
        axes.set_yscale("log")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    RESULTS.mkdir(parents=True, exist_ok=True)
    target = RESULTS / f"{name}.svg"
    figure.savefig(target, metadata={"Date": None})
    pyplot.close(figure)
    return target


def grid_plot(
    name: str, panels: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]], *, x: str, y: str
) -> Path:
    """A panel per title with curves (x, y) by label, on logarithmic axes, into docs/results/`name`.svg."""
    matplotlib.rcParams["svg.hashsalt"] = name
    columns = 3
    height = -(-len(panels) // columns)
    figure, grid = pyplot.subplots(height, columns, figsize=(12, 3.2 * height), layout="constrained", squeeze=False)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for axes, (title, curves) in zip(grid.flat, panels.items(), strict=False):
        for label, (xs, ys) in curves.items():
            axes.plot(xs, ys, marker="o", markersize=3, linewidth=1, label=label)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(title, fontsize=9)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.grid(alpha=0.3)
    grid.flat[0].legend(fontsize=7)
    target = RESULTS / f"{name}.svg"
    figure.savefig(target, metadata={"Date": None})
    pyplot.close(figure)
    return target
