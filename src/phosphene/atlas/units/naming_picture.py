"""How names are drawn: a table of units, and beside it a bar for each name, as long as it has units."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...picture import Block, Drawing, DrawingBlock, Row, Sheet, Table, TextBlock, compact
from ...picture.chart import Axis, Bars, Chart

if TYPE_CHECKING:
    from .naming import Names

ROWS, BARS = 30, 30
WIDTH = 430.0  # of the bars with their names


def sheet_of(result: Names, order: str, page: int) -> Sheet:
    """The sheet of one page. ValueError for a page that is none."""
    pages = max(1, -(-len(result) // ROWS))
    if not 1 <= page <= pages:
        raise ValueError(f"there are pages 1 to {pages} of {len(result)} units, not {page}")
    ordered = sorted(result.names, key=lambda each: (each.q, each.p, -each.lift)) if order == "q" else result.names
    on_page = ordered[(page - 1) * ROWS : page * ROWS]
    rows = [
        [f"{each.channel}", each.name or (f"({each.label})" if each.label else "–"), f"{each.shared} of {each.of}",
         f"{compact(each.lift)} ×" if each.of else "–", compact(each.p, 2), compact(each.q, 2)]
        for each in on_page
    ]  # fmt: skip
    table = Table(["unit", "name", "images", "lift", "p", "q"], rows)
    bars = _bars(result)
    named = sum(bool(each.name) for each in result.names)
    text = f"{named} of {len(result)} units have a name"
    where = f" · page {page} of {pages}" if pages > 1 else ""
    blocks: list[Block] = [Row([table, *([DrawingBlock(bars, "Units of each name")] if bars else [])], gap=56)]
    if not bars:
        blocks.append(TextBlock("What their images share could all be chance.", "muted"))
    every = sum(result.labels.values())
    caption = (
        f"Images are those of a unit's strongest patches; lift is a label's share among them over its share among all "
        f"{every:,}. p: the chance that images drawn at random share one of the {len(result.labels)} labels so often "
        f"(hypergeometric × {len(result.labels)}). q: the share of false names if all units down to this one were "
        f"named (Benjamini and Hochberg). Units have a name up to q = {result.level:g}; for the "
        "others, the label that most of their images share stands in brackets."
    )
    title = f"What the units of {result.layer} stand for"
    description = f"{result.network}: names of the units of {result.layer}; {text}. {caption}"
    subtitle = f"{result.network} · {text}{where}"
    return Sheet(title, subtitle, blocks, caption=caption, description=description, width=1156)


def _bars(result: Names) -> Drawing | None:
    """A bar for each name, the one with most units first; None where there is no name."""
    units = result.units
    if not units:
        return None
    first = list(units.items())[: BARS if len(units) <= BARS else BARS - 1]
    names, counts = [name for name, _ in first], [float(len(channels)) for _, channels in first]
    numbers = [f"{count:g}" for count in counts]
    if len(first) < len(units):
        names, counts = [*names, f"and {len(units) - len(first)} other names"], [*counts, math.nan]
        numbers.append("")
    return Chart([Bars(counts, numbers=numbers)], Axis(ticks=()), Axis(names=names), WIDTH, 0).drawing()
