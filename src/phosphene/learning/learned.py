"""A learned system as a sheet: its numbers beside the references, how training went, and what it makes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from ..instrument import Result, instrument
from ..instrument.roles import Folder
from ..picture import Block, DrawingBlock, Row, Sheet, Table, compact, counted
from ..picture.chart import Axis, Chart, Curve
from .checkpoints.card import Card
from .checkpoints.folder import card_of, read
from .checkpoints.held_out import read_held_out
from .checkpoints.nearest import read_nearest
from .checkpoints.shipped import folder_of
from .pictures.tiles import is_image
from .pictures.views import blocks_of
from .registry import make, system_class
from .system import System


@dataclass(frozen=True, eq=False, kw_only=True)
class Learned(Result):
    """A learned system with its card; `held_out` are some examples that it has not learned from, (n, ...)."""

    system: System = field(repr=False)
    card: Card
    held_out: Tensor = field(repr=False)
    folder: Path
    nearest: tuple[Tensor, Tensor] | None = field(default=None, repr=False)

    def sheet(self) -> Sheet:
        """Numbers, losses, and what the system makes."""
        card = self.card
        title = f"{self.system.title}: what it learned from {card.data['name']}"
        learned = counted(int(card.data["train"]), "example")
        trained = (
            f", {counted(card.steps, 'step')} in {minutes_text(card.minutes)}" if card.steps else ", in closed form"
        )
        subtitle = f"{learned}{trained}; {counted(int(card.weights['numbers']), 'weight')}"
        top: list[Block] = [self.table()]
        if card.losses:
            top.append(DrawingBlock(losses_chart(card).drawing(), "Losses"))
        blocks: list[Block] = [
            Row(top, gap=56.0) if len(top) > 1 else top[0],
            *blocks_of(self.system, self.held_out, self.nearest),
        ]
        words = ", ".join(f"{name} {compact(value)}" for name, value in card.numbers.items())
        caption = f"Numbers are of {counted(int(card.data['test']), 'example')} that it has not learned from."
        if is_image(self.system.shape):
            caption += " Values from 0 (black) to 1 (white)."
        caption = " ".join([caption, *(f"{note[:1].upper()}{note[1:]}." for note in self.remarks)])
        return Sheet(title, subtitle, blocks, caption=caption, description=f"{title}. {words}.")

    @property
    def remarks(self) -> tuple[str, ...]:
        """What has to be said about the data and the numbers."""
        return (*self.card.data.get("notes", ()), *self.card.notes)

    def table(self) -> Table:
        """Each number, with its reference for this data set where there is one."""
        gates = {gate["number"]: gate for gate in self.card.gates}
        rows = []
        for name, value in self.card.numbers.items():
            gate = gates.get(name)
            bound = f"{'≤' if gate['at_most'] else '≥'} {compact(gate['bound'])}" if gate else ""
            sign = "" if gate is None else "reached" if gate["reached"] else "not reached"
            rows.append([name, f"{value:,.0f}" if value == int(value) else compact(value), bound, sign])
        if not any(row[2] for row in rows):
            return Table(["number", "obtained"], [row[:2] for row in rows])
        return Table(["number", "obtained", "reference", ""], rows)

    def to_dict(self) -> dict[str, Any]:
        return {"folder": str(self.folder), **vars(self.card)}


@instrument
def learned(folder: Folder) -> Learned:
    """What a system learned: its numbers beside references, its losses, samples, reconstructions and walks.

    - `folder`: the folder that 'phosphene learn' or 'phosphene transfer' wrote

    FileNotFoundError or ValueError for a folder that holds no learned system.
    """
    path = folder_of(folder)
    if result := system_class(card_of(path).system).result:
        return result.of(path)
    system, card = read(path, make)
    return Learned(system=system, card=card, held_out=read_held_out(path, system.shape), folder=path,
                   nearest=read_nearest(path))  # fmt: skip


def minutes_text(minutes: float) -> str:
    return f"{minutes * 60:.0f} s" if minutes < 2 else f"{minutes:.1f} minutes"


def losses_chart(card: Card) -> Chart:
    """Each player's loss over the steps."""
    curves = [
        Curve([step for step, _ in points], [loss for _, loss in points], player)
        for player, points in card.losses.items()
    ]
    across, up = Axis("step", whole=True), Axis("loss")
    return Chart(curves, across, up, width=520, height=230, legend="none" if len(curves) == 1 else "auto")
