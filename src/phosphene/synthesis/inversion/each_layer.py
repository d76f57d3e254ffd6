"""The same photo inverted at several layers on one sheet: what is still there at each depth, up to the class scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...instrument import Result, instrument
from ...instrument.roles import Images, LayerNames
from ...network import Network
from ...picture import Block, ImageBlock, Sheet, Table, counted, grid
from ..engine.layers.codes import code
from ..engine.layers.depths import last_of_each_size
from ..engine.options import seen_images
from ..engine.synthesis import WIDTH, pixels
from .invert import invert, planned
from .rectified import rectified_by
from .result import Inversion, percent

MOST_IN_ROW = 4  # tiles, where each layer has one image


@dataclass(frozen=True, eq=False, kw_only=True)
class Inversions(Result):
    """Inversions of one photo at several layers, as far as they have come."""

    network: str
    photo: Tensor = field(repr=False)  # (3, H, W) in [0, 1], as the network sees it
    layers: tuple[str, ...]
    results: tuple[Inversion, ...] = field(repr=False)  # of the first layers, the last of them perhaps under way
    step: int
    steps: int

    @property
    def images(self) -> Tensor:
        """All images, layer by layer: (layers · restarts, 3, H, W)."""
        return torch.cat([each.images for each in self.results])

    @property
    def errors(self) -> Tensor:
        """|φ(x) − φ0|² / |φ0|²: (layers, restarts)."""
        return torch.stack([each.errors for each in self.results])

    @property
    def progress(self) -> str:
        return self.results[-1].progress

    def frame(self) -> np.ndarray:
        """The photo and the images of every layer (height, width, 3), uint8; grey where none is yet."""
        empty = torch.full_like(self.results[0].images, 0.5)
        stacks = [each.images for each in self.results] + [empty] * (len(self.layers) - len(self.results))
        return grid(pixels(torch.cat([self.photo[None], *[stack[:1] for stack in stacks]])), scale=1).pixels

    def sheet(self) -> Sheet:
        """The photo and each layer's images, with their errors."""
        restarts = self.results[0].restarts
        tiles, labels = [self.photo], ["photo"]
        for row in range(restarts):
            if row:
                tiles.append(torch.ones_like(self.photo))
                labels.append("")
            tiles += [each.images[row] for each in self.results]
            labels += [f"{each.layer}: {percent(float(each.errors[row]))}" for each in self.results]
        columns = len(self.results) + 1
        if restarts == 1 and columns > MOST_IN_ROW + 1:
            columns = -(-columns // 2)
        tiled_images = grid(pixels(torch.stack(tiles)), columns=columns, scale=1)
        keep = [index for index, label in enumerate(labels) if label]
        cells, labels = [tiled_images.cells[index] for index in keep], [labels[index] for index in keep]
        blocks: list[Block] = [
            ImageBlock(tiled_images.pixels, cells=cells, labels=labels, width=WIDTH, crisp=False),
            Table(
                ("layer", "numbers kept", "error", "pixels differ by", "made by"), [_row(each) for each in self.results]
            ),
        ]
        title = "What each layer still knows of the photo"
        return Sheet(
            title,
            self.network,
            blocks,
            caption=self.caption,
            width=WIDTH + 96,
            description=f"{self.network}: {title.lower()}; {self.caption}",
        )

    @property
    def caption(self) -> str:
        first = self.results[0]
        how_text = (
            first.caption.split("Colours")[0]
            .replace(f", {first.plan}", "")
            .replace(f", {counted(first.steps, 'step')}", "")
        )
        stopped = "" if self.step == self.steps else f"Stopped after {self.step} of {self.steps} steps in all. "
        return (
            "Each image was made from noise to have the photo's activations at that layer. Errors are squared "
            "distances from the photo's activations, over the photo's squared norm; pixels differ by the root mean "
            f"square, of 1. {stopped}{how_text[:1].upper()}{how_text[1:]}"
        )

    def to_dict(self) -> dict[str, Any]:
        return {"network": self.network, "layers": [each.to_dict() for each in self.results]}


def _row(result: Inversion) -> tuple[str, int, str, float, str]:
    errors = sorted({percent(float(error)) for error in result.errors}, key=lambda text: float(text[:-2]))
    return (
        result.layer,
        result.code_size,
        " to ".join(dict.fromkeys((errors[0], errors[-1]))),
        float(result.distances.mean()),
        result.plan,
    )


@instrument
def inversions(
    network: Network,
    image: Images,
    *,
    layers: LayerNames | None = None,
    restarts: int = 1,
    steps: int | None = None,
    prior: float = 0.02,
    seed: int = 0,
) -> Iterator[Inversions]:
    """A photo reconstructed from several layers, from the first to the class scores: what each layer still contains.

    Each layer is inverted as in `invert`. Raises LookupError for a layer that does not exist.

    - `layers`: which layers; if not given, the last of each map size, the last vector, and the class scores
    - `restarts`: how many images for each layer, from different noise, in one batch
    - `steps`: how many steps for each layer; if not given, more for deeper layers, as in `invert`
    - `prior`: the cost of the photo's own variation and contrast; more makes smoother images
    - `seed`: seed of the noise; the same seed gives the same images
    """
    photo = seen_images(network, image)
    if len(photo) > 1:
        raise ValueError(f"a sheet of inversions shows one photo, not {len(photo)}; ph.invert takes several")
    size = (int(photo.shape[-2]), int(photo.shape[-1]))
    layer_names = [layers] if isinstance(layers, str) else list(layers or last_of_each_size(network, size))
    layer_names = [str(network.address(layer, size)) for layer in layer_names]
    reads = [code(network, layer, size) for layer in layer_names]
    rectified = [rectified_by(network, read, photo) is not None for read in reads]
    lengths = [planned(read, size, steps, rectified=cut).steps for read, cut in zip(reads, rectified, strict=True)]
    finished: list[Inversion] = []
    for index, layer in enumerate(layer_names):
        for number, result in enumerate(
            invert.steps(network, image, layer, restarts=restarts, steps=steps, prior=prior, seed=seed), 1
        ):
            yield Inversions(
                network=network.name, photo=photo[0].cpu(), layers=tuple(layer_names),
                results=(*finished, replace(result, made={})),
                step=sum(lengths[:index]) + number, steps=sum(lengths),
            )  # fmt: skip
        finished.append(result)
