"""What a test of robustness gives: which photos kept their answer, as shares with intervals, a table and a plot."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from ...instrument import Result
from ...picture import Drawing, DrawingBlock, Sheet, Table, counted, rasterise
from ...picture.chart import Axis, Chart, Curve
from ..engine.optimisers.bounded import NORMS, Norm, radius_text
from .percentages import Share, share


@dataclass(frozen=True, eq=False, kw_only=True)
class Robustness(Result):
    """`kept` (methods, epsilons, N): whether each photo keeps its class in each ball under each attack.

    `right` (N,) is 1 where the network's own answer is the class that the photo's name states, 0 where it is not, and
    -1 where none is stated.
    """

    network: str
    photos: tuple[str, ...] = field(repr=False)
    methods: tuple[str, ...]
    epsilons: tuple[float, ...]
    norm: Norm
    kept: Tensor = field(repr=False)
    right: Tensor = field(repr=False)
    unreadable: tuple[str, ...] = ()
    pgd_steps: int
    seed: int
    step: int  # photos looked at
    steps: int  # of how many

    @property
    def progress(self) -> str:
        last = self.methods[-1]
        return f"{last} {radius_text(self.epsilons[0], self.norm)}: {self.same(last, 0).mean:.0%} kept"

    @property
    def labelled(self) -> bool:
        """Whether any photo's class is stated."""
        return bool((self.right >= 0).any())

    def same(self, method: str, epsilon: int) -> Share:
        """The share of photos that keep the network's own answer at radius number `epsilon`."""
        same = self.kept[self.methods.index(method), epsilon]
        return share(int(same.sum()), len(same))

    def accuracy(self, method: str | None = None, epsilon: int = 0) -> Share:
        """The share of photos with a stated class that are answered right and stay so; without `method`, unattacked."""
        labelled = self.right >= 0
        good = self.right[labelled] == 1
        if method is not None:
            good = good & self.kept[self.methods.index(method), epsilon][labelled]
        return share(int(good.sum()), int(labelled.sum()))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A dict for each method and radius: `method`, `epsilon`, `same` and, where classes are known, `accuracy`."""
        result = []
        for method in self.methods:
            for index, epsilon in enumerate(self.epsilons):
                row = {"method": method, "epsilon": epsilon, "same": self.same(method, index)}
                result.append(row | ({"accuracy": self.accuracy(method, index)} if self.labelled else {}))
        return result

    def sheet(self) -> Sheet:
        """A table of shares with their 95 % intervals, and a line for each attack."""
        header = [f"within, {NORMS[self.norm]}"]
        clean = ["nothing changed"]
        for method in self.methods:
            header.append(f"{method.upper()}: same answer")
            clean.append("100%")
            if self.labelled:
                header.append(f"{method.upper()}: right")
                clean.append(str(self.accuracy()))
        body = [clean]
        for index, epsilon in enumerate(self.epsilons):
            row = [radius_text(epsilon, self.norm).removeprefix(NORMS[self.norm]).strip()]
            for method in self.methods:
                row.append(str(self.same(method, index)))
                row += [str(self.accuracy(method, index))] if self.labelled else []
            body.append(row)
        many = len(self.photos)
        stopped = "" if self.step == self.steps else f", stopped after {self.step} of {self.steps}"
        caption = (
            f"{counted(many, 'photo')}{stopped}; each is attacked away from the network's own "
            f"answer, untargeted: FGSM one step, PGD {counted(self.pgd_steps, 'step')} from a random start (seed "
            f"{self.seed}). In brackets, 95 % intervals (Wilson). A photo turned by a smaller change counts as "
            "turned for larger ones. An upper bound: a stronger attack may turn more."
        )
        title = "How small a change turns the answer"
        return Sheet(
            title,
            self.network,
            [Table(header, body), DrawingBlock(self._plot())],
            caption=caption,
            description=f"{self.network}: {title}; {caption}",
        )

    def _plot(self) -> Drawing:
        scale = 255 if self.norm == "linf" else 1
        radii = [scale * radius for radius in (0.0, *self.epsilons)]
        curves = [
            Curve(radii, [100.0, *(100 * self.kept[row].double().mean(1)).tolist()], method.upper())
            for row, method in enumerate(self.methods)
        ]
        across = Axis(f"largest change, {NORMS[self.norm]}" + (", in 255ths" if self.norm == "linf" else ""))
        return Chart(curves, across, Axis("answers kept", low=0, high=100, unit=" %"), 640, 280).drawing()

    def frame(self) -> np.ndarray:
        """The plot as one frame of a film (height, width, 3), uint8."""
        return np.asarray(rasterise(self._plot(), "light", 1.0))

    def to_dict(self) -> dict[str, Any]:
        def plain(row: dict[str, Any]) -> dict[str, Any]:
            return {key: value.to_dict() if isinstance(value, Share) else value for key, value in row.items()}

        return {
            "network": self.network,
            "photos": list(self.photos),
            "norm": self.norm,
            "seed": self.seed,
            "pgd_steps": self.pgd_steps,
            "unattacked": self.accuracy().to_dict() if self.labelled else None,
            "rows": [plain(row) for row in self.rows],
            "unreadable": list(self.unreadable),
        }
