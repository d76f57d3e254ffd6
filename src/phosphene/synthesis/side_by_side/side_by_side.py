"""Several networks on one sheet: what each would like to see, for the same question, with equal settings.

The question is a class by its name, or a channel at the same share of the depth: 0 is the first layer of weights that
has a grid of places, 1 the last. All images have one size, start at the same noise and take the same steps. Scores of
two networks are numbers of two kinds and say nothing beside each other; for a class, every network is therefore asked
what it makes of the images of all the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..input_photo import named
from ..instrument import instrument
from ..instrument.roles import Networks, UnitName
from ..network import OUTPUTS, Address, Network
from ..picture import (
    Block,
    Drawing,
    DrawingBlock,
    ImageBlock,
    Mark,
    Row,
    Sheet,
    Table,
    Text,
    capital,
    compact,
    counted,
    grid,
    set_block,
    wrap,
)
from ..picture.sheet import label_lines
from .engine.ascent import ascend, evaluated, scored
from .engine.layers.default_layers import cell_count
from .engine.named import Priors, Transforms
from .engine.objectives import Objective, Size, objective, unit
from .engine.options import image_count, input_size, precision, step_count
from .engine.settings import usual_settings
from .engine.stepping import current_images
from .engine.synthesis import WIDTH, Synthesis, pixels

ACROSS = 5  # networks beside each other, at most
GAP, TILE, HEADING = 32.0, 260.0, 15.0  # between networks, an image's side, the type of networks' names
BEST = 5  # a class counts as seen where it is among so many


@dataclass(frozen=True)
class Judged:
    """What a network makes of the images of a class that were made for another, or for itself."""

    probability: float  # of the class, mean over the images
    seen: int  # images that have it among the best five


@dataclass(frozen=True, eq=False, kw_only=True)
class SideBySide(Synthesis):
    """For each network so many images, the networks' one after the other in `images`."""

    names: tuple[str, ...]  # of the networks
    columns: int  # images of each
    judged: tuple[tuple[Judged, ...], ...] = ()  # [made for][seen by]; for classes, at the end

    def row(self, index: int) -> slice:
        """Where the images of network number `index` are."""
        return slice(index * self.columns, (index + 1) * self.columns)

    def frame(self) -> np.ndarray:
        """A column for each network, as one frame of a film."""
        tiles = pixels(self.images)
        across = tiles.reshape(len(self.names), self.columns, *tiles.shape[1:]).swapaxes(0, 1)
        return grid(across.reshape(tiles.shape), scale=1, columns=len(self.names)).pixels

    def sheet(self) -> Sheet:  # type: ignore[override]
        """The networks' images beside each other; for a class, also what each network makes of the others' images."""
        count = len(self.names)
        lines = -(-count // ACROSS)
        across = -(-count // lines)
        width = (WIDTH - GAP * (across - 1)) / across
        blocks: list[Block] = [
            self._beside(range(first, min(first + across, count)), width) for first in range(0, count, across)
        ]
        if self.judged:
            blocks.append(self._table())
        return self.sheet_of(blocks, counted(len(self.names), "network"))

    def _beside(self, indices: Sequence[int], width: float) -> Row:
        """These networks, each with its name over its images, in equal columns."""
        heads = [wrap(self.names[index], HEADING, width, "bold") for index in indices]
        high = HEADING * 1.3 * max(map(len, heads)) + 8
        columns = max(1, min(self.columns, round(width / TILE)))
        column_width = min(width, columns * TILE * 1.3)
        blocks = level([self._images(index, columns, column_width) for index in indices])
        columns_drawn: list[Block] = []
        for head, block in zip(heads, blocks, strict=True):
            marks: list[Mark] = [
                Text(0, HEADING * (0.9 + 1.3 * at), line, HEADING, "bold") for at, line in enumerate(head)
            ]
            images = set_block(block, 0, high, width)
            columns_drawn.append(DrawingBlock(Drawing(width, high + images.height, (*marks, *images.marks))))
        return Row(columns_drawn, GAP)

    def _images(self, index: int, columns: int, width: float) -> ImageBlock:
        """A network's images with their scores, and with what each is of where that is not the same for all."""
        rows = self.row(index)
        labels = [compact(float(score)) for score in self.scores[rows]]
        if len(set(self.titles[rows])) > 1 or self.objective not in self.titles[rows]:
            labels = [f"{title} · {label}" for title, label in zip(self.titles[rows], labels, strict=True)]
        tiles = grid(pixels(self.images[rows]), columns=columns, gutter=max(2, self.images.shape[-1] // 14))
        return ImageBlock(tiles.pixels, cells=tiles.cells, labels=labels, width=width, crisp=False)

    def _table(self) -> Table:
        rows = [
            (name, *(f"{each.seen} of {self.columns}, p = {each.probability:.2f}" for each in row))
            for name, row in zip(self.names, self.judged, strict=True)
        ]
        heading = f"The class among the best {BEST}, and its probability (mean)"
        return Table(["images made for", *(f"seen by {name}" for name in self.names)], rows, heading)

    @property
    def progress(self) -> str:
        return f"{self.objective}: {compact(float(self.scores.nanmean()))}"

    @property
    def heading(self) -> str:
        return f"{self.objective}, side by side"

    @property
    def caption(self) -> str:
        height, width = self.images.shape[-2:]
        each = self.steps // len(self.names)
        stopped = "" if self.step == self.steps else f", stopped after {self.step} of {self.steps}"
        effort = f"{counted(each, 'step')} for each network{stopped}"
        return f"{capital(self.how)}; {height} × {width} px, {effort}, seed {self.seed}."

    def to_dict(self) -> dict[str, Any]:
        judged = [[{"probability": each.probability, "seen": each.seen} for each in row] for row in self.judged]
        return {**super().to_dict(), "names": list(self.names), "columns": self.columns, "judged": judged}


def level(blocks: Sequence[ImageBlock]) -> list[ImageBlock]:
    """The networks' images with labels of as many lines in each row, so that the images below stand level."""
    lines = [label_lines(block, (block.width or 1) / block.pixels.shape[1])[1] for block in blocks]
    most = [max(map(len, lines_of_label)) for lines_of_label in zip(*lines, strict=True)]
    return [
        replace(
            block,
            labels=[
                "\n".join([*lines_of_label, *[""] * (wanted - len(lines_of_label))])
                for lines_of_label, wanted in zip(each, most, strict=True)
            ],
        )
        for block, each in zip(blocks, lines, strict=True)
    ]


@instrument
def side_by_side(
    networks: Networks,
    target: UnitName | None = None,
    *,
    depth: Sequence[float] | None = None,
    channel: int = 0,
    images: int = 3,
    size: int | tuple[int, int] | None = None,
    steps: int = 256,
    seed: int = 0,
    rate: float = 0.02,
    priors: Priors | None = None,
    transforms: Transforms | None = None,
) -> Iterator[SideBySide]:
    """Synthesised images of several networks on one sheet: for the same class, or for a channel at the same depth.

    Raises LookupError if a network has no such class or channel, ValueError if you give neither a target nor a depth,
    or both.

    - `networks`: which networks, two or more, such as torchvision:resnet18; 'phosphene networks' lists names
    - `target`: what to raise in each network, such as 'logits:goose': a class that all of them have under this name
    - `depth`: instead of a target: at which fractions of each network's layers, such as 0.25, 0.5 and 0.75
    - `channel`: which channel at these depths
    - `images`: how many images of a class, from different starts
    - `size`: the images' side in pixels, or height and width; the first network's usual input if not given
    - `steps`: how many steps of gradient ascent to take for each network
    - `seed`: seed of the starts and the transforms; the same seed gives the same images
    - `rate`: Adam's step size
    - `priors`: what images should be like, such as tv:0.05, or none; as for synthesize
    - `transforms`: how the image is changed before the network sees it, such as jitter:16, or none; as for synthesize
    """
    several = _checked(networks)
    settings = usual_settings().override(priors, transforms)
    shape, steps = input_size(several[0], size), step_count(steps)
    many = image_count(images, "images", shape, several[0], [] if target is None else [target])
    targets = [_targets_of(network, target, depth, channel, many, shape) for network in several]
    titles = [_title(network, each) for network, addresses in zip(several, targets, strict=True) for each in addresses]
    columns = len(targets[0])
    images_now, scores = torch.full((len(titles), 3, *shape), 0.5), torch.full((len(titles),), float("nan"))
    history = torch.full((steps, len(titles)), float("nan"))
    heading = titles[0] if depth is None else f"Channel {channel} at {_depth_in_words(depth)} of the depth"
    result = SideBySide(
        network=", ".join(network.name for network in several), names=tuple(network.name for network in several),
        objective=heading, titles=tuple(titles), columns=columns, images=images_now, scores=scores, history=history,
        step=0, steps=steps * len(several), seed=seed,
        how=f"{settings.how()}, Adam with rate {rate:g}",
    )  # fmt: skip
    for index, (network, addresses) in enumerate(zip(several, targets, strict=True)):
        image = settings.spectrum(columns, shape, seed)
        raised = each_its_own(network, addresses, shape)
        for moment in ascend(
            network, settings.less_costs(raised), image, steps=steps, optimiser=settings.optimiser(rate),
            transform=settings.transform, seed=seed,
        ):  # fmt: skip
            images_now, scores, history = images_now.clone(), scores.clone(), history.clone()
            now, reached = moment.images, moment.parts[raised.name]
            history[moment.step - 1, result.row(index)] = reached.float().cpu()
            if moment.step == steps:
                now = current_images(image)
                reached = scored(network, raised, now)
            images_now[result.row(index)], scores[result.row(index)] = now.float().cpu(), reached.float().cpu()
            step = index * steps + moment.step
            end = step == result.steps and depth is None and _is_class(several, targets, shape)
            judged = _judge_images(several, [addresses[0] for addresses in targets], images_now, columns) if end else ()
            yield replace(result, images=images_now, scores=scores, history=history, step=step, judged=judged)


def _checked(networks: Any) -> list[Network]:
    if isinstance(networks, Network) or not all(isinstance(network, Network) for network in networks):
        raise TypeError("side_by_side takes a list of networks: ph.side_by_side([ph.load(), ...], ...)")
    if len(networks) < 2:
        raise ValueError(f"two networks or more stand side by side, not {len(networks)}")
    return list(networks)


def _targets_of(
    network: Network, target: str | None, depth: Sequence[float] | float | None, channel: int, images: int, size: Size
) -> list[Address]:
    """What each of a network's images is of."""
    if (target is None) == (depth is None):
        raise ValueError("give either a target, such as 'logits:goose', or depths, such as 0.25 and 0.5")
    if target is not None:
        return [network.address(target, size)] * images
    shares = [depth] if isinstance(depth, (int, float)) else list(depth or ())
    if not shares:
        raise ValueError("no depth was given; give at least one, such as 0.5")
    return [network.address(Address(at_depth(network, share, size), channel), size) for share in shares]


def each_its_own(network: Network, addresses: Sequence[Address], size: Size) -> Objective:
    """Image i raises unit i, whichever layers they are of."""
    parts = [unit(network, address, size) for address in addresses]
    reads = [next(iter(part.reads)) for part in parts]

    def measure(*values: Tensor) -> Tensor:
        scores = [part.score({read: value}) for part, read, value in zip(parts, reads, values, strict=True)]
        return torch.stack([score[index] for index, score in enumerate(scores)])

    return objective(", ".join(map(str, dict.fromkeys(addresses))), reads, measure)


def at_depth(network: Network, share: float, size: Size) -> str:
    """The layer of weights at this share of the network's depth, from 0 (the first) to 1 (the last).

    Counted are convolutions and linear layers whose values lie on a grid, in the order of computing.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a depth is a share of the network's layers, from 0 to 1, not {share}")
    layers = network.layers(size)
    names = [layer.name for layer in layers]
    candidates = [
        layer.name
        for layer in layers
        if layer.module and layer.parameters and layer.layout is not None and cell_count(layer) > 1
        and "Norm" not in layer.kind and not any(name.startswith(f"{layer.name}.") for name in names)
    ]  # fmt: skip
    if not candidates:
        raise ValueError(f"{network.name} has no layer of weights with a grid of places")
    return candidates[round(share * (len(candidates) - 1))]


def _is_class(networks: Sequence[Network], targets: Sequence[Sequence[Address]], size: Size) -> bool:
    """Whether all are asked for a class of an image, not for all classes at once nor for one at each place."""
    return all(
        addresses[0].layer in OUTPUTS
        and addresses[0].channel is not None
        and len(network.layer("logits", size).shape) == 1
        for network, addresses in zip(networks, targets, strict=True)
    )


def _title(network: Network, address: Address) -> str:
    return named(network, address)


def _depth_in_words(depth: Sequence[float] | float) -> str:
    return ", ".join(f"{share:g}" for share in ([depth] if isinstance(depth, (int, float)) else depth))


def _judge_images(
    networks: Sequence[Network], addresses: Sequence[Address], images: Tensor, columns: int
) -> tuple[tuple[Judged, ...], ...]:
    """What each network makes of all images: [made for][seen by]."""
    seen_by = []
    for network, address in zip(networks, addresses, strict=True):
        scores = unit(network, "logits", (int(images.shape[-2]), int(images.shape[-1])))
        with torch.no_grad():
            values = evaluated(network, scores, images.to(network.device, precision(network)), precise=True)["logits"]
        chances = network.probabilities(values.double()).cpu()
        probabilities = chances[:, int(address.channel)]  # type: ignore[arg-type]
        seen_by.append((probabilities, (chances > probabilities[:, None]).sum(1) < BEST))
    return tuple(
        tuple(
            Judged(float(probabilities[at].mean()), int(best[at].sum())) for probabilities, best in seen_by
        )
        for at in (slice(row * columns, (row + 1) * columns) for row in range(len(networks)))
    )  # fmt: skip
