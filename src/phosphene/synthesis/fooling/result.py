"""What fooling gives: images that mean nothing, and how sure the network is of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...network import Labels
from ...picture import Block, DrawingBlock, Row, Sheet, compact
from ...picture.chart import Axis, Chart, Curve
from ...picture.sheet import natural_width
from ..adversarial.percentages import Share, share
from ..engine.synthesis import GAP, WIDTH, Synthesis, tiled, trace

SURE = 0.9
TAKEN = 0.5  # a class with a higher probability is the first answer


@dataclass(frozen=True, eq=False, kw_only=True)
class Fooling(Synthesis):
    """Images of 8 bits a colour for the asked classes, with the network's probabilities of these as `scores`.

    `confidences` (classes,) are the highest probability reached of every class of the network, NaN where none was
    tried: evolution tries all, the gradient those asked. `others` (K, 3, H, W) and `other_classes` are the surest of
    the rest.
    """

    classes: tuple[int, ...]  # of the images
    confidences: Tensor = field(repr=False)
    others: Tensor = field(repr=False)
    other_classes: tuple[int, ...] = ()
    class_names: Labels = field(repr=False)

    def share(self, above: float = SURE) -> Share:
        """The share of the classes tried that the network is surer of than `above`."""
        tried = self.confidences[~self.confidences.isnan()]
        return share(int((tried > above).sum()), len(tried))

    @property
    def median(self) -> float:
        """The median confidence of the classes tried."""
        return float(self.confidences[~self.confidences.isnan()].double().quantile(0.5))

    @property
    def progress(self) -> str:
        text = f"sure of {compact(float(self.scores.mean()))}"
        tried = self.share().count
        return (
            f"{text}, {self.share().mean:.0%} of {tried} classes above {SURE:g}" if tried > len(self.classes) else text
        )

    @property
    def labels(self) -> list[str]:
        return [f"{title}: {self._sure(float(p))}" for title, p in zip(self.titles, self.scores, strict=True)]

    @property
    def heading(self) -> str:
        names = ", ".join(dict.fromkeys(self.titles))
        verb = "taken for" if bool((self.scores > TAKEN).all()) else "raised for"
        return f"Images that are nothing, {verb} {names if len(self.titles) <= 4 else f'{len(self.titles)} classes'}"

    @property
    def caption(self) -> str:
        share = self.share()
        text = f"{share.mean:.1%} of the {share.count:,} classes tried above {SURE:g}, median {compact(self.median)}."
        return f"{super().caption} {text} Probabilities are of the image rounded to 8 bits."

    def sheet(self, *, columns: int = 4) -> Sheet:
        """The images with the network's confidence, how it grew and, for evolution, the best images of all classes.

        - `columns`: images in a row
        """
        plots: list[Block] = []
        if len(self.history) > 1:
            plots.append(trace(self.history, self.objective, titles=self.titles))
        tried = self.confidences[~self.confidences.isnan()]
        if len(tried) > len(self.classes):
            ordered = tried.sort(descending=True).values.tolist()
            curve = Curve(range(1, len(ordered) + 1), ordered)
            across = Axis("classes, the surest first", whole=True)
            plots.append(DrawingBlock(Chart([curve], across, Axis("confidence", low=0, high=1)).drawing()))
        images = tiled(self.images, self.labels, columns)
        width = (images.width or 0) + sum(natural_width(plot) + GAP / 2 for plot in plots)
        blocks: list[Block] = [Row([images, *plots], gap=GAP / 2)] if width <= WIDTH else [images, Row(plots)]
        if len(self.others):
            labels = [f"{self._name(i)}: {self._sure(float(self.confidences[i]))}" for i in self.other_classes]
            blocks.append(tiled(self.others, labels, 6, "The surest of the other classes", WIDTH))
        return self.sheet_of(blocks)

    @staticmethod
    def _sure(probability: float) -> str:
        return f"{probability:.1%}" if probability < 0.9995 else ">99.9%"

    def _name(self, index: int) -> str:
        return self.class_names[index] if index < len(self.class_names) else f"class {index}"

    def to_dict(self) -> dict[str, Any]:
        confidences = self.confidences.double().numpy()
        return super().to_dict() | {
            "classes": list(self.classes),
            "confidences": [None if np.isnan(value) else float(value) for value in confidences],
            "share_above_0.9": self.share().to_dict(),
            "median": self.median,
        }


def tried_only(count: int, classes: list[int], probabilities: Tensor) -> Tensor:
    """Confidences (count,) of the classes tried; NaN elsewhere. Of a class tried several times, the highest."""
    result = torch.full((count,), torch.nan)
    for index, value in zip(classes, probabilities.tolist(), strict=True):
        result[index] = value if result[index].isnan() else max(value, float(result[index]))
    return result
