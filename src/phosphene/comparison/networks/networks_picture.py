"""Networks side by side as a sheet: accuracy against cost, calibration, agreement, and where they disagree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...picture import (
    Block,
    Drawing,
    DrawingBlock,
    Image,
    Mark,
    Row,
    Sheet,
    Table,
    Text,
    TextBlock,
    colour,
    counted,
    stacked,
    text_width,
)
from ...picture.chart import SERIES, Axis, Chart, Curve, Dots, Series

if TYPE_CHECKING:
    from .compare_networks import NetworksCompared

WIDTH, HIGH = 1104.0, 300.0
TILE, GAP, CELL, TYPE = 156.0, 16.0, 44.0, 12.0
TITLED, BETWEEN, NARROWEST = 210.0, 32.0, 420.0  # room for a matrix with its heading; the least for a chart beside them
WHITE, BLACK, BRIGHT = "#ffffff", "#000000", 0.6


def sheet_of(result: NetworksCompared, examples: bool) -> Sheet:
    """The whole sheet."""
    title = "How deep is deep enough?"
    if not result.networks:
        return Sheet(title, result.progress, [TextBlock("Nothing is measured yet.")], description=result.words)
    words = result.words
    blocks: list[Block] = [TextBlock(f"{words[:1].upper()}{words[1:]}.", size=16, weight="bold")]
    if result.stated:
        blocks.append(
            Row(
                [
                    DrawingBlock(_against(result, "operations"), "Right answers against operations"),
                    DrawingBlock(_against(result, "speed"), "Right answers against speed"),
                ]
            )
        )
    blocks.append(table_of(result))
    blocks += _agreement(result)
    if result.classes:
        names = [row.network for row in result.networks]
        rows = [[name, str(count), *(f"{share:.0%}" for share in shares)] for name, count, shares in result.classes]
        blocks.append(Table(["class", "images", *names], rows, heading="Classes on which they differ most"))
    if examples and result.disagreed:
        blocks.append(DrawingBlock(_photos(result), "Photos with the most different answers"))
    blocks += [TextBlock(note, "muted", TYPE) for note in result.notes]
    caption = (
        "Lines and brackets: 95 % bootstrap intervals over images. Operations: of one image, a multiply-add counts as "
        f"two. Speed: the forward pass alone, {counted(result.batch, 'image')} at once, "
        f"{counted(result.threads, 'thread')}, on {result.device}; the networks take turns, median of five "
        "rounds. Depth: layers with weights. Memory: the values alive at once for one image, without weights and what "
        "kernels need. Errors in common: both are wrong, of the images that either gets wrong. Calibration error: mean "
        "distance of confidence and accuracy over 15 bins."
    )
    subtitle = f"{counted(len(result.networks), 'network')} on {counted(result.images, 'image')}"
    subtitle += f", {result.stated} of them of a class that all have" if result.stated != result.images else ""
    return Sheet(title, subtitle, blocks, caption=caption, width=WIDTH + 96, description=f"{title} {words}.")


def _against(result: NetworksCompared, what: str) -> Drawing:
    tops = [row.top1 for row in result.networks if row.top1 is not None]
    xs = [row.cost.operations / 1e9 if what == "operations" else row.images_per_second for row in result.networks]
    dots = Dots(
        [100 * top.mean for top in tops], [100 * top.low for top in tops], [100 * top.high for top in tops], at=xs,
        numbers=[row.network for row in result.networks],
        colours=[SERIES[index % len(SERIES)] for index in range(len(xs))],
    )  # fmt: skip
    label = "operations, thousand millions" if what == "operations" else "images a second"
    across = Axis(label, scale="log", low=min(xs) / 1.6, high=max(xs) * 1.6)
    return Chart([dots], across, Axis("right answers", high=100.0, unit=" %"), WIDTH / 2 - 12, HIGH).drawing()


def _agreement(result: NetworksCompared) -> list[Block]:
    """What the networks answer alike and get wrong alike, and their calibration, in one row where there is room."""
    matrices = [DrawingBlock(_matrix(result, result.agreement), "Same answer, share of images")]
    if not result.stated:
        return [*matrices]
    matrices.append(DrawingBlock(_matrix(result, result.errors), "Errors in common"))
    room = WIDTH - sum(max(TITLED, block.drawing.width) + BETWEEN for block in matrices)
    chart = DrawingBlock(_reliability(result, room if room >= NARROWEST else WIDTH / 2), "Right answers by confidence")
    return [Row([*matrices, chart])] if room >= NARROWEST else [Row([*matrices]), chart]


def _reliability(result: NetworksCompared, width: float) -> Drawing:
    series: list[Series] = [Curve([0.0, 100.0], [0.0, 100.0], "as sure as right", colour="muted", dashed=True)]
    for index, row in enumerate(result.networks):
        assert row.calibration is not None
        ink = SERIES[index % len(SERIES)]
        series.append(Curve(100 * row.calibration.confidence, 100 * row.calibration.accuracy, row.network, colour=ink))
    across = Axis("confidence", low=0.0, high=100.0, unit=" %")
    return Chart(series, across, Axis("right", low=0.0, high=100.0, unit=" %"), width, HIGH).drawing()


def _matrix(result: NetworksCompared, shares: np.ndarray) -> Drawing:
    """Shares (networks, networks) as colours with their numbers; a dash where there is none."""
    names = [f"{index + 1}  {row.network}" for index, row in enumerate(result.networks)]
    left, count = max(text_width(name, TYPE) for name in names) + 12, len(names)
    marks: list[Mark] = [
        Image(colour(np.nan_to_num(shares), "sequential"), left, 24, count * CELL, count * CELL, crisp=True)
    ]
    for row, name in enumerate(names):
        marks.append(Text(left - 8, 24 + (row + 0.5) * CELL + 4, name, TYPE, anchor="end"))
        marks.append(Text(left + (row + 0.5) * CELL, 16, str(row + 1), TYPE, anchor="middle", colour="muted"))
        for column in range(count):
            value = shares[row, column]
            ink = BLACK if value >= BRIGHT else WHITE
            x, y = left + (column + 0.5) * CELL, 24 + (row + 0.5) * CELL + 4
            marks.append(Text(x, y, "–" if np.isnan(value) else f"{value:.0%}", TYPE, anchor="middle", colour=ink))
    return Drawing(left + count * CELL, 24 + count * CELL, tuple(marks))


def _photos(result: NetworksCompared) -> Drawing:
    marks: list[Mark] = []
    bottom = 0.0
    for index, (name, pixels, answers) in enumerate(result.disagreed):
        x = index * (TILE + GAP)
        marks.append(Image(pixels, x, 0, TILE, TILE * pixels.shape[0] / pixels.shape[1], crisp=False))
        y = TILE * pixels.shape[0] / pixels.shape[1] + 18
        for line, weight in (
            (name, "bold"),
            *((f"{at + 1}  {answer}", "regular") for at, answer in enumerate(answers)),
        ):
            lines, down = stacked(line, TYPE, x, y, TILE, weight)  # type: ignore[arg-type]
            marks += lines
            y += 17 + down
        bottom = max(bottom, y)
    return Drawing(max(1.0, len(result.disagreed) * (TILE + GAP) - GAP), bottom, tuple(marks))


def table_of(result: NetworksCompared) -> Table:
    """Every network's numbers."""
    header = ["network"] + (["top 1", "95 % interval", "top 5", "calibration error"] if result.stated else [])
    header += ["images a second", "parameters, M", "operations, G", "depth", "weights, MiB", "memory, MiB"]
    rows = []
    for row in result.networks:
        cells = [row.network]
        if result.stated:
            assert row.top1 is not None
            assert row.top5 is not None
            assert row.calibration is not None
            cells += [
                f"{row.top1.mean:.1%}", f"{row.top1.low:.0%} to {row.top1.high:.0%}", f"{row.top5.mean:.1%}",
                f"{row.calibration.error:.3f}",
            ]  # fmt: skip
        cells += [
            f"{row.images_per_second:.3g}", f"{row.cost.parameters / 1e6:.2f}", f"{row.cost.operations / 1e9:.2f}",
            str(row.cost.depth), f"{row.cost.weights_bytes / 2**20:.1f}",
            f"{row.cost.memory_bytes / 2**20:.3g}",
        ]  # fmt: skip
        rows.append(cells)
    return Table(header, rows)
