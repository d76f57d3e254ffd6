"""What an adversarial attack gives: the images before and after, how far they are apart, what is answered to both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...network import Labels
from ...picture import Block, ImageBlock, Range, Row, Sheet, TextBlock, capital, compact, counted
from ..engine.synthesis import Synthesis, pixels, trace

WIDE, GAP = 330.0, 28.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Adversarial(Synthesis):
    """Images (N, 3, H, W) in [0, 1] close to `original` to which the network answers something else.

    Probabilities are (N, classes): `before` of the originals, `after` of the images as they are, `saved` of the images
    rounded to 8 bits as files hold them; of fgsm and pgd that is looked at after the last step, and `saved` is `after`
    before. `history` is the loss that the attack raises, or, of the smallest change, its L2 norm after each search (NaN
    while there is none), and `scores` less that norm.
    """

    original: Tensor = field(repr=False)
    before: Tensor = field(repr=False)
    after: Tensor = field(repr=False)
    saved: Tensor = field(repr=False)
    goals: tuple[int, ...]  # each image's class: to be reached if `targeted`, to be left if not
    targeted: bool
    class_names: Labels = field(repr=False)

    @property
    def change(self) -> Tensor:
        """What was added, (N, 3, H, W)."""
        return self.images - self.original

    @property
    def norms(self) -> dict[str, Tensor]:
        """How large the change is, (N,) each, of pixels in [0, 1]: `L2`, `Linf`, and `distortion`, the root of its mean
        square (Szegedy et al., section 4.1).
        """
        flat = self.change.double().flatten(1)
        return {"L2": flat.norm(dim=1), "Linf": flat.abs().amax(1), "distortion": flat.square().mean(1).sqrt()}

    @property
    def probabilities(self) -> dict[str, Tensor]:
        """`before`, `after` and `saved`, (N, classes) each."""
        return {"before": self.before, "after": self.after, "saved": self.saved}

    @property
    def success(self) -> Tensor:
        """Whether each image, rounded to 8 bits as it would be saved, is answered as was wanted, (N,)."""
        return self._is_success(self.saved)

    @property
    def success_unrounded(self) -> Tensor:
        """The same of the images as they are, before rounding, (N,)."""
        return self._is_success(self.after)

    def _is_success(self, probabilities: Tensor) -> Tensor:
        met = probabilities.argmax(1) == torch.tensor(self.goals)
        return met if self.targeted else ~met

    @property
    def heading(self) -> str:
        subject = "A photo" if len(self.images) == 1 else f"{len(self.images)} photos"
        return f"{subject} changed so that the answer changes"

    @property
    def caption(self) -> str:
        successes, plain = int(self.success.sum()), int(self.success_unrounded.sum())
        many = len(self.images)
        text = f"{successes} of {many} answered as wanted when rounded to 8 bits"
        text += f", {plain} before rounding" if plain != successes else ""
        return f"{capital(self.how)}. {text}. {self._size}"

    @property
    def _size(self) -> str:
        height, width = self.images.shape[-2:]
        steps = counted(self.steps, "step")
        steps_text = f"{self.step} of {steps}" if self.step != self.steps else steps
        return f"{height} × {width} px, {steps_text}, seed {self.seed}."

    def sheet(self, *, gain: float = 10.0, rows: int = 4, top: int = 3) -> Sheet:  # type: ignore[override]
        """Each image before and after, and the change between, with the network's answers.

        - `gain`: by which factor the drawn change is larger than the real one
        - `rows`: how many images to draw
        - `top`: how many classes to list below an image
        """
        if not gain > 0:
            raise ValueError(f"a gain is above 0, not {gain:g}")
        blocks: list[Block] = []
        rows_drawn = min(max(1, rows), len(self.images))
        for index in range(rows_drawn):
            blocks.append(TextBlock(self._caption(index), size=15, weight="bold"))
            blocks.append(self._row(index, gain, top))
        if len(self.images) > rows_drawn:
            blocks.append(TextBlock(f"{len(self.images) - rows_drawn} more images are not drawn.", colour="muted"))
        if len(self.history) > 2:
            blocks.append(trace(self.history, self.objective))
        change_range = Range(-0.5 / gain, 0.5 / gain, "fixed")
        grey = f"Changes are drawn {gain:g} times as large about grey, which is no change;"
        caption = f"{self.caption} {grey} {change_range.caption()}, of pixels in [0, 1]."
        width = 3 * WIDE + 2 * GAP + 96
        return Sheet(
            self.heading,
            self.network,
            blocks,
            caption=caption,
            width=width,
            description=caption,
            ranges=[change_range],
        )

    def _caption(self, index: int) -> str:
        met = "" if bool(self.success[index]) else ": not reached" if self.targeted else ": not left"
        return f"{self.titles[index]}{met}"

    def _row(self, index: int, gain: float, top: int) -> Row:
        norms = {name: float(values[index]) for name, values in self.norms.items()}
        change = pixels(0.5 + gain * self.change[index : index + 1])[0]
        size = (
            f"L2 {compact(norms['L2'])}, L∞ {compact(norms['Linf'])} = {norms['Linf'] * 255:.3g}/255\n"
            f"distortion {compact(norms['distortion'])} (root of mean square)"
        )
        return Row(
            [
                _image(pixels(self.original[index : index + 1])[0], "before", self._listed(self.before[index], top)),
                _image(change, f"change × {gain:g}", size),
                _image(pixels(self.images[index : index + 1])[0], "after", self._listed(self.saved[index], top)),
            ],
            gap=GAP,
        )

    def _listed(self, probabilities: Tensor, top: int) -> str:
        best = probabilities.topk(min(top, len(probabilities)))
        return "\n".join(f"{value:.1%} {self._name(i)}" for value, i in zip(*map(Tensor.tolist, best), strict=True))

    def _name(self, index: int) -> str:
        return self.class_names[index] if index < len(self.class_names) else f"class {index}"

    def to_dict(self) -> dict[str, Any]:
        return super().to_dict() | {
            "goals": [{"index": goal, "label": self._name(goal)} for goal in self.goals],
            "targeted": self.targeted,
            "success": self.success.tolist(),
            "success_unrounded": self.success_unrounded.tolist(),
            "norms": {name: values.tolist() for name, values in self.norms.items()},
            "before": self._answers(self.before),
            "after": self._answers(self.saved),
        }

    def _answers(self, probabilities: Tensor, top: int = 5) -> list[list[dict[str, Any]]]:
        rows: Sequence[Any] = [row.topk(min(top, len(row))) for row in probabilities]
        return [
            [
                {"index": i, "label": self._name(i), "probability": value}
                for value, i in zip(row.values.tolist(), row.indices.tolist(), strict=True)
            ]
            for row in rows
        ]


def _image(pixels: np.ndarray, heading: str, caption: str) -> ImageBlock:
    return ImageBlock(pixels, heading=heading, caption=caption, width=WIDE, crisp=False)
