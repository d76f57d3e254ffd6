"""The outcome of a transfer as a sheet: accuracy, what is taken for what, and why on the worst photos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...measures.proportion import Proportion
from ...picture import (
    Block,
    DrawingBlock,
    ImageBlock,
    Row,
    Sheet,
    Table,
    TextBlock,
    apply_range,
    compact,
    counted,
    grid,
    map_range,
    overlay,
)  # fmt: skip
from ...picture.chart import Axis, Chart, Curve, Dots, Reference
from ..checkpoints.card import Card
from ..checkpoints.folder import card_of
from ..learned import Learned, losses_chart, minutes_text
from .confusion import confusion_drawing
from .worst import Worst, read_worst

SIGNED, PLAIN = "symmetric:99.5", "percentile:0:99.5"  # ranges of maps, as in `why`
MOST = 24  # classes that the chart of classes shows
TILE = 164  # pixels of a photo


@dataclass(frozen=True, eq=False, kw_only=True)
class Transferred(Learned):
    """A network that has learned other classes, with how good it is on photos that it has not learned from."""

    @classmethod
    def of(cls, folder: Path) -> Transferred:
        """The outcome in a folder; the network itself is not opened."""
        card = card_of(folder)
        if not {"confusion", "worst", "why", "base"} <= card.outcome.keys():
            raise ValueError(f"the card in {folder} says nothing of the outcome of its transfer, so it can't be drawn")
        return cls(system=None, card=card, held_out=torch.empty(0), folder=folder)  # type: ignore[arg-type]

    @property
    def accuracy(self) -> Proportion:
        """The share of right answers on the held-out photos."""
        counts = np.array(self.card.outcome["confusion"])
        return Proportion(int(np.trace(counts)), int(counts.sum()))

    @property
    def classes(self) -> list[dict[str, Any]]:
        """For each class how many photos it was learned from, how many were held out, and the share of right ones."""
        counts = np.array(self.card.outcome["confusion"])
        return [
            {"class": name, "learned": self.card.data["photos"][at][0],
             **Proportion(int(counts[at, at]), int(counts[at].sum())).to_dict()}
            for at, name in enumerate(self.card.data["classes"])
        ]  # fmt: skip

    def sheet(self) -> Sheet:
        """Accuracy, the confusion matrix, each class with its interval, the course of training, the worst photos."""
        card, outcome = self.card, self.card.outcome
        way = "all weights learned" if card.config["whole"] else "only the new layer of scores learned"
        names = card.data["classes"]
        title = f"{len(names)} classes: {self.accuracy} of held-out photos right"
        subtitle = (
            f"{outcome['base']} on {card.data['name']}; {way}, from {counted(card.data['train'], 'photo')} in "
            f"{minutes_text(card.minutes)}; {counted(card.data['test'], 'photo')} held out"
        )
        matrix = DrawingBlock(
            confusion_drawing(outcome["confusion"], names), "Answers",
            "A row is a class, a column an answer, in the same order; colour is the share of the row.",
        )  # fmt: skip
        blocks: list[Block] = [Row([matrix, DrawingBlock(self._class_chart().drawing(), self._class_heading)], gap=40)]
        course: list[Block] = [DrawingBlock(_loss_chart(card).drawing(), "Loss")] if card.losses else []
        if outcome.get("rates"):
            course.append(_rates(outcome["rates"]))
        if course:
            blocks.append(Row(course, gap=40))
        blocks += self._worst()
        caption = " ".join(f"{note[:1].upper()}{note[1:].rstrip('.')}." for note in self.remarks)
        interval = "Intervals are Wilson's, 95 %."
        if card.config["whole"] and outcome.get("frozen") is not None:
            before = Proportion(outcome["frozen"], self.accuracy.total)
            interval += f" The frozen network, with which it began, is right for {before}."
        words = f"{title}. {subtitle}."
        return Sheet(title, subtitle, blocks, caption=f"{interval} {caption}".strip(), description=words)

    def table(self) -> Table:
        """All classes together, and each by itself."""
        rows: list[list[Any]] = [["all", self.card.data["train"], self.card.data["test"], *_cells(self.accuracy)]]
        for each in self.classes:
            rows.append(
                [each["class"], each["learned"], each["total"], *_cells(Proportion(each["count"], each["total"]))]
            )
        return Table(["class", "learned from", "held out", "right", "accuracy", "95 % interval"], rows)

    def to_dict(self) -> dict[str, Any]:
        return {
            "folder": str(self.folder), "accuracy": self.accuracy.to_dict(), "classes": self.classes,
            **vars(self.card),
        }  # fmt: skip

    @property
    def _class_heading(self) -> str:
        count = len(self.card.data["classes"])
        return (
            f"The {MOST} of {count} classes that are right least often"
            if count > MOST
            else "Right answers of each class"
        )

    def _class_chart(self) -> Chart:
        every = sorted(self.classes, key=lambda each: each["share"]) if len(self.classes) > MOST else self.classes
        some = every[:MOST]
        dots = Dots(
            [100 * each["share"] for each in some], [100 * each["low"] for each in some],
            [100 * each["high"] for each in some], numbers=[f"{each['count']}/{each['total']}" for each in some],
        )  # fmt: skip
        mean = Reference(100 * self.accuracy.share, on="across")
        up = Axis(names=[str(each["class"]) for each in some])
        return Chart([mean, dots], Axis("accuracy", low=0, high=100, unit=" %"), up, width=460, height=0, legend="none")

    def _worst(self) -> Iterator[Block]:
        worst, stated = read_worst(self.folder), self.card.outcome["worst"]
        if worst is None or not len(worst.photos):
            return
        why = self.card.outcome["why"]
        wrong = any(not each["right"] for each in stated)
        heading = "Worst photos" if wrong else "Least sure photos; none is wrong"
        words = f"{heading}, each as the network sees it, and why: {why['name']} for its answer"
        words += " and for the true class" if wrong else ""
        words += "; red is for it, blue against" if why["signed"] else ""
        blocks = [self._worst_block(worst, at, each) for at, each in enumerate(stated)]
        for at in range(0, len(blocks), 2):
            pair = blocks[at : at + 2]
            if at == 0:
                yield TextBlock(words, size=16, weight="bold")
            yield Row(pair, gap=40)

    def _worst_block(self, worst: Worst, at: int, each: dict[str, Any]) -> ImageBlock:
        signed = bool(self.card.outcome["why"]["signed"])
        names = self.card.data["classes"]
        photo = worst.photos[at]
        maps = worst.maps[at] if not each["right"] else worst.maps[at][:1]
        scale = map_range(worst.maps[at], SIGNED if signed else PLAIN).ranges[0]
        tiles = [photo]
        for values in maps:
            shares = apply_range(values, scale)
            neutral = 0.5 if signed else 0.0
            strength = 0.1 + 0.8 * np.abs(shares - neutral) / (1 - neutral)
            tiles.append(overlay(photo, shares, "diverging" if signed else "sequential", strength))
        laid = grid(np.stack(tiles), columns=len(tiles), scale=max(1, round(TILE / photo.shape[1])), gutter=6)
        labels = [each["name"], f"{names[each['answer']]} {100 * each['answered']:.0f} %"]
        labels += [f"truly {names[each['truth']]} {100 * each['true']:.0f} %"] if not each["right"] else []
        width = (TILE + 6) * len(tiles) - 6
        return ImageBlock(laid.pixels, cells=laid.cells, labels=labels, width=width, crisp=photo.shape[1] < TILE / 2)


def _loss_chart(card: Card) -> Chart:
    """The loss of what learned last: all weights, or the layer of scores alone."""
    player = "network" if "network" in card.losses else "head"
    return losses_chart(replace(card, losses={player: card.losses[player]}))


def _cells(share: Proportion) -> list[str]:
    if not share.total:
        return ["0", "", ""]
    return [f"{share.count}", f"{100 * share.share:.1f} %", f"{100 * share.low:.1f}–{100 * share.high:.1f} %"]


def _rates(rates: dict[str, Any]) -> DrawingBlock:
    """The learning-rate finder's curve, with the rate that was chosen."""
    curve = Curve(rates["rates"], rates["losses"], "loss")
    marks = [
        Reference(rates["chosen"], f"chosen {compact(rates['chosen'])}", on="across", colour="accent2"),
        Reference(rates["turn"], "turn", on="across"),
    ]
    chart = Chart(
        [curve, *marks],
        Axis("learning rate of the head", scale="log"),
        Axis("loss"),
        width=520,
        height=230,
        legend="none",
    )
    caption = "The rate rises from step to step; the chosen one is a tenth of where the loss turns."
    return DrawingBlock(chart.drawing(), "Learning-rate finder", caption)
