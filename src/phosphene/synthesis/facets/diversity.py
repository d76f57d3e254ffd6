"""Several different images of one unit: a term that pushes the images of a batch apart.

A unit often answers to more than one thing, and gradient ascent finds the nearest one again and again. What an image
shows at a layer, wherever it shows it, is its Gram matrix G = F F^T of the layer's maps F (channels × places). The term
is the mean cosine between an image's Gram matrix and those of the other images of the batch,

    likeness(i) = mean over j ≠ i of  <G_i, G_j> / (|G_i| |G_j|),

which is in [0, 1] where maps are not negative (C. Olah, A. Mordvintsev and L. Schubert, Feature visualization, 2017).
Units differ in how much they can answer, so what the term costs is counted in shares of the score: the objective is
score − weight · |mean score| · likeness, with the mean score taken as a number. Olah et al. give no weight; ours was
chosen by looking (docs/methods/diverse.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...instrument import instrument
from ...instrument.roles import LayerName, UnitName
from ...network import Address, Layer, Network
from ...picture import Block, DrawingBlock, Row, Sheet, Table, compact, grid
from ...picture.chart import over_steps
from ..engine.ascent import ascend, scored
from ..engine.layers.default_layers import maps_layer
from ..engine.layers.gram import Apart, apart, gram_likeness
from ..engine.named import Priors, Transforms
from ..engine.objectives import Objective, Size, Values, objective, unit
from ..engine.options import image_count, input_size, positive, step_count
from ..engine.settings import usual_settings
from ..engine.stepping import current_images
from ..engine.synthesis import Synthesis, pixels, tiled
from ..engine.transforms import Transform

WEIGHT = 0.4


def pushed_apart(base: Objective, layer: Layer, weight: float, alone: int = 0) -> Objective:
    """The objective less `weight` shares of its own score for each image's likeness to the others.

    The first `alone` images of the batch are left out of it: they are raised as if each stood by itself.
    """
    likeness = gram_likeness(layer)
    reads = tuple(sorted(base.reads | likeness.reads))

    def measure(*read: Tensor) -> Tensor:
        values: Values = dict(zip(reads, read, strict=True))
        scale = base.score(values)[alone:].detach().mean().abs()
        costs = scale * likeness.score({layer.name: values[layer.name][alone:]})
        return torch.cat([costs.new_zeros(alone), costs])

    return base - weight * objective(f"likeness at {layer.name}, in shares of the score", reads, measure)


@dataclass(frozen=True)
class Twice:
    """A transform drawn once for the two halves of a batch, so that what differs in them is not chance."""

    transform: Transform

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        before, halves = generator.get_state(), []
        for half in images.chunk(2):
            generator.set_state(before)
            halves.append(self.transform(half, generator))
        return torch.cat(halves)


@dataclass(frozen=True, eq=False, kw_only=True)
class Diverse(Synthesis):
    """Images that were pushed apart, and as many that were made of the same starts without that."""

    layer: str  # where their Gram matrices are compared
    weight: float
    plain: Tensor = field(repr=False)  # (N, 3, H, W)
    plain_scores: Tensor  # (N,)
    plain_history: Tensor = field(repr=False)
    distances: dict[str, Apart]  # of "plain" and of "diverse"

    @property
    def held(self) -> float:
        """The mean score as a share of what images reach by themselves."""
        return float(self.scores.double().mean() / self.plain_scores.double().mean())

    def frame(self) -> np.ndarray:
        """Both rows, those by themselves above, as one frame of a film."""
        return grid(pixels(torch.cat([self.plain, self.images])), scale=1, columns=len(self.images)).pixels

    def sheet(self) -> Sheet:  # type: ignore[override]
        """The images by themselves, those that were pushed apart, and in numbers what that changed."""
        rows = (("Each by itself", self.plain, self.plain_scores), ("Pushed apart", self.images, self.scores))
        blocks: list[Block] = [
            tiled(images, [compact(float(score)) for score in scores], len(images), heading)
            for heading, images, scores in rows
        ]
        lines = [each.float().mean(1).tolist() for each in (self.plain_history, self.history)]
        names = ["by itself", "pushed apart"]
        plot = over_steps(lines, names, up=f"mean of {self.objective}", width=560)
        blocks.append(Row([DrawingBlock(plot), self._table()], gap=48))
        return self.sheet_of(blocks)

    def _table(self) -> Table:
        before, after = self.distances["plain"], self.distances["diverse"]
        means = [float(scores.double().mean()) for scores in (self.plain_scores, self.scores)]
        rows = [
            ("mean score", means[0], means[1], _ratio(means[0], means[1])),
            ("Gram distance", before.gram, after.gram, _ratio(before.gram, after.gram)),
            ("pixel distance", before.pixels, after.pixels, _ratio(before.pixels, after.pixels)),
        ]
        cells = [(name, compact(first), compact(second), ratio) for name, first, second, ratio in rows]
        return Table(["", "by itself", "pushed apart", "ratio"], cells)

    @property
    def heading(self) -> str:
        return f"{self.objective} in {len(self.images)} ways"

    @property
    def caption(self) -> str:
        return (
            f"{super().caption} Weight {self.weight:g} on the mean cosine of Gram matrices at {self.layer}. Distances "
            "are means over all pairs: 1 − that cosine, and the root mean square of pixels' differences."
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            **super().to_dict(),
            "layer": self.layer,
            "weight": self.weight,
            "plain_scores": self.plain_scores.tolist(),
            "plain_history": self.plain_history.tolist(),
            "held": self.held,
            "distances": {name: asdict(each) for name, each in self.distances.items()},
        }


def _ratio(before: float, after: float) -> str:
    return f"{compact(after / before)} ×" if before > 0 else "–"


@instrument
def diverse(
    network: Network,
    target: UnitName,
    *,
    images: int = 4,
    weight: float = WEIGHT,
    layer: LayerName | None = None,
    size: int | tuple[int, int] | None = None,
    steps: int = 256,
    seed: int = 0,
    rate: float = 0.02,
    priors: Priors | None = None,
    transforms: Transforms | None = None,
) -> Iterator[Diverse]:
    """Several images of one unit that must differ from each other, beside as many images without this condition.

    Raises LookupError for a target or a layer that does not exist, ValueError for one that no gradient reaches and for
    a layer without a grid of places.

    - `target`: what to raise: a channel such as 'blocks.3:17', a neuron, a layer, or a class such as 'logits:goose'
    - `images`: how many images
    - `weight`: the weight of similarity in the objective, as a share of the score; 0 for none
    - `layer`: where their Gram matrices are compared; if not given, the target's own layer, or the last one with maps
    - `size`: the image's side in pixels, or height and width; the network's usual input if not given
    - `steps`: how many steps of gradient ascent to take
    - `seed`: seed of the starts and the transforms; the same seed gives the same images
    - `rate`: Adam's step size
    - `priors`: what images should be like, such as tv:0.05, or none; as for synthesize
    - `transforms`: how the image is changed before the network sees it, such as jitter:16, or none; as for synthesize
    """
    space, steps = input_size(network, size), step_count(steps)
    many = image_count(images, "images", space, network, [target], least=2, each=2)
    weight = positive(weight, "weight", zero=True)
    settings = usual_settings(view="seen in pieces, turned, under noise").override(priors, transforms)
    base, at = objective_at(network, target, layer, space)
    start = settings.spectrum(2 * many, space, seed)
    with torch.no_grad():  # the same starts, with and without
        for values in start.parameters():
            values[many:] = values[:many]
    likeness = gram_likeness(at, groups=2)
    objective = settings.less_costs(pushed_apart(base, at, weight, alone=many))
    objective = objective + 0 * likeness  # which is told, but asks for nothing
    moments = ascend(
        network, objective, start, steps=steps, optimiser=settings.optimiser(rate), seed=seed,
        transform=None if settings.transform is None else Twice(settings.transform),
    )  # fmt: skip
    history = torch.empty(steps, 2 * many)
    for moment in moments:
        final, scores, alike = moment.images, moment.parts[base.name], moment.parts[likeness.name]
        history[moment.step - 1] = scores
        if moment.step == steps:
            final = current_images(start)
            scores, alike = scored(network, base, final), scored(network, likeness, final)
        plain, different = final.split(many)
        yield Diverse(
            network=network.name, objective=base.name, titles=(base.name,) * many,
            images=different.cpu(), scores=scores[many:].cpu(), history=history[: moment.step, many:].clone(),
            plain=plain.cpu(), plain_scores=scores[:many].cpu(), plain_history=history[: moment.step, :many].clone(),
            distances={"plain": apart(alike[:many], plain), "diverse": apart(alike[many:], different)},
            layer=at.name, weight=weight, step=moment.step, steps=steps, seed=seed,
            how=f"{settings.how()}, Adam with rate {rate:g}",
        )  # fmt: skip


def objective_at(
    network: Network, target: str | Sequence[str], layer: str | None, size: Size
) -> tuple[Objective, Layer]:
    """The objective of one unit, and the layer at which its images are compared."""
    address = single(network, target, size)
    return unit(network, address, size), maps_layer(network, layer, address, size)


def single(network: Network, target: str | Sequence[str], size: Size) -> Address:
    """The address of the one unit that is asked for."""
    each = [target] if isinstance(target, (str, Address)) else list(target)
    if len(each) != 1:
        raise ValueError(f"one unit is asked for at a time, not {len(each)}: {', '.join(map(str, each))}")
    return network.address(each[0], size)
