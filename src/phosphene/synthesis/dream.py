"""DeepDream: a photo in which a layer sees more and more of what it already sees a little of.

    x ← clip(x + rate · g / mean|g|),    g = ∂/∂x ½ |φ(x)|²

The gradient at the layer is set to its own activations, which is the gradient of half their squared norm. The photo is
shifted at random before every step and worked on in octaves, from small to large. A. Mordvintsev, C. Olah and M. Tyka,
Inceptionism, 2015, and their notebook, whose constants these are: 10 steps in each of 4 octaves of 1.4, steps of 1.5
grey levels, shifts up to 32 pixels. With a guide the gradient is, at every place of the layer, the guide's feature
vector with the largest dot product there. Zooms go on from the finished picture, enlarged a little each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..input_photo import named
from ..instrument import instrument
from ..instrument.roles import Images, LayerName
from ..network import Network
from ..network.room import check_images, check_room
from ..picture import Block, DrawingBlock, ImageBlock, Photo, Row, Sheet, capital, compact, counted, grid
from ..picture.chart import over_steps
from .engine.ascent import scored
from .engine.layers.codes import code, reading
from .engine.named import Priors, Transforms
from .engine.objectives import Objective, Size, objective
from .engine.octaves import climbed, most_shift, octave_sizes
from .engine.optimisers.normalised import normalised_steps
from .engine.options import count, positive, step_count
from .engine.photo_size import photo_images, resized
from .engine.settings import Settings
from .engine.synthesis import WIDTH, Synthesis, pixels, trace
from .engine.transforms import Roll

STEP = 1.5 / 255  # mean change of a value in [0, 1]
OCTAVES, SCALE, JITTER = 4, 1.4, 32


@dataclass(frozen=True, eq=False, kw_only=True)
class Dream(Synthesis):
    """Photos (N, 3, h, w) in [0, 1] as far as they are dreamt, at the size of the octave that is being worked on.

    `scores` are those of `images`: on the way of the photo before the step, shifted; at the end of the finished dream.
    """

    originals: Tensor = field(repr=False)  # (N, 3, H, W)
    sizes: tuple[Size, ...]  # of the octaves, from small to large
    layer: str
    guide: np.ndarray | None = field(repr=False, default=None)  # (height, width, 3), uint8

    def frame(self) -> np.ndarray:
        """The image at its final size (height, width, 3), uint8; of several, side by side."""
        whole = resized(self.images, (int(self.originals.shape[-2]), int(self.originals.shape[-1])))
        return np.concatenate(list(pixels(whole)), axis=1)

    def sheet(self, *, columns: int = 2) -> Sheet:
        """The photo, its dream, and how the layer's activations grew.

        - `columns`: images in a row; 1 puts the dream below the photo, larger
        """
        whole = resized(self.images, (int(self.originals.shape[-2]), int(self.originals.shape[-1])))
        pairs = torch.stack([self.originals, whole], 1).flatten(0, 1)
        labels = [text for score in self.scores for text in ("photo", f"{self.titles[0]}: {compact(float(score))}")]
        tiles = grid(pixels(pairs), columns=columns, scale=1)
        images = ImageBlock(tiles.pixels, cells=tiles.cells, labels=labels, width=WIDTH, crisp=False)
        below = trace(self.history, self.objective)
        if self.guide is not None:
            plot = over_steps(list(self.history.float().T.numpy()), up=self.objective)
            below = Row([DrawingBlock(plot), ImageBlock(self.guide, "the guide", width=230, crisp=False)], gap=48)
        blocks: list[Block] = [images, below]
        return self.sheet_of(blocks)

    @property
    def heading(self) -> str:
        return f"A dream of {self.layer}"

    @property
    def caption(self) -> str:
        text = ", ".join(f"{height} × {width}" for height, width in self.sizes)
        effort = (
            counted(self.step, "step")
            if self.step == self.steps
            else f"stopped after {self.step} of {counted(self.steps, 'step')}"
        )
        how = f"{capital(self.how)}; at {text} px (height × width), {effort}, seed {self.seed}."
        return f"{how} Colours as they are, in [0, 1]."


@instrument
def dream(
    network: Network,
    images: Images,
    layer: LayerName,
    *,
    steps: int = 10,
    octaves: int = OCTAVES,
    scale: float = SCALE,
    rate: float = STEP,
    jitter: int = JITTER,
    guide: Photo | None = None,
    zoom: int = 0,
    enlarge: float = 0.03,
    size: int | None = None,
    seed: int = 0,
    priors: Priors | None = None,
    transforms: Transforms | None = None,
) -> Iterator[Dream]:
    """DeepDream: a photo, at its own size, changed so that strong activations of a layer become stronger.

    The network must accept other sizes than its usual one. Raises LookupError for a layer that does not exist,
    ValueError for a size that the network can't take.

    - `layer`: the layer whose activations are raised, or one channel of it, such as 'blocks.3:17'
    - `steps`: how many steps in each octave; each zoom takes a third of them
    - `octaves`: at how many sizes, from small to the photo's own; sizes below 64 pixels are left out
    - `scale`: how much larger each octave is than the one before
    - `rate`: by how much a step changes the values on average, in [0, 1]
    - `jitter`: by how many pixels the photo is shifted at most before a step; at most a quarter of a side
    - `guide`: a second image: the layer's features are pulled towards the most similar features of this image
    - `zoom`: how many times to enlarge the finished dream and continue; film them with --film
    - `enlarge`: the part of the side that each zoom cuts off
    - `size`: the longer side in pixels, at most; the photo's own if not given
    - `seed`: seed of the shifts; the same seed gives the same picture
    - `priors`: what the picture should be like, such as tv:0.5 or blur:1,every=2; as for synthesize on pixels
    - `transforms`: how the picture is changed before each step, such as jitter:16,rotate:5, or none; as for synthesize;
      'usual' stands for the shifts of `jitter`
    """
    # the sizes, and how many steps at each; zooms take fewer
    photos = photo_images(network, images, size)
    full = (int(photos.shape[-2]), int(photos.shape[-1]))
    sizes = octave_sizes(full, count(octaves, "octaves"), _above_one(scale))
    each, later = step_count(steps), max(1, steps // 3)
    total = each * len(sizes) + later * count(zoom, "zoom", least=0)
    check_images(len(photos), full, "photos", network, [layer])
    check_room(total, 4 * len(photos), "steps and zooms, {} in all: a score of each")
    if not positive(enlarge, "enlarge") < 1:
        raise ValueError(f"enlarge is the part of the side that a zoom cuts off, below 1, not {enlarge:g}")
    # what is raised, and how it is told
    guiding = None if guide is None else photo_images(network, guide, size or max(full))
    aim_at = _aims(network, layer, guiding)
    optimiser = normalised_steps(positive(rate, "rate"))
    history = torch.empty(total, len(photos), dtype=photos.dtype)
    address = named(network, network.address(layer, full))
    shift = count(jitter, "jitter", least=0)
    shifts = [f"{most_shift(size, shift)}" for size in (sizes[0], full)]

    def settings_at(size: Size) -> Settings:
        return Settings("pixels", transform=Roll(most_shift(size, shift))).override(priors, transforms)

    settings = settings_at(full)
    view = settings.view or f"shifts up to {' to '.join(dict.fromkeys(shifts))} px"
    how = ", ".join(filter(None, (f"steps of {255 * rate:.2g} of 255", view, settings.priors_text)))
    how = f"guided, {how}" if guide is not None else how
    fields: dict[str, Any] = {
        "network": network.name, "titles": (address,) * len(photos), "objective": aim_at(full).name, "how": how,
        "originals": photos.cpu(), "sizes": tuple(sizes), "layer": address, "seed": seed, "steps": total,
        "guide": None if guiding is None else pixels(guiding)[0],
    }  # fmt: skip
    # one climb through the sizes, then one at full size for every zoom
    current = photos
    for stage in range(1 + zoom):
        current = zoomed(current, enlarge) if stage else current
        begun = each * len(sizes) + later * (stage - 1) if stage else 0
        stage_steps = later if stage else each
        moments = climbed(network, aim_at, current, [full] if stage else sizes, steps=stage_steps,
                          settings_at=settings_at, optimiser=optimiser, seed=seed + 1000 * stage)  # fmt: skip
        for aim, moment, after in moments:
            step = begun + moment.step
            history[step - 1] = moment.scores.cpu()
            last = step == total
            images, scores = (after, scored(network, aim, after)) if last else (moment.images, moment.scores)
            yield Dream(images=images.cpu(), scores=scores.cpu(), history=history[:step], step=step, **fields)
            current = after


deepdream = dream


def zoomed(images: Tensor, share: float) -> Tensor:
    """The middle of the images, `share` of each side cut off, at the size that they had."""
    height, width = images.shape[-2:]
    down, right = (min(max(1, round(side * share / 2)), (side - 1) // 2) for side in (height, width))
    return resized(images[..., down : height - down, right : width - right], (height, width)).clamp(0, 1)


def _above_one(scale: float) -> float:
    if not positive(scale, "scale") > 1:
        raise ValueError(f"each octave is larger than the one before: scale is above 1, not {scale!r}")
    return float(scale)


def _aims(network: Network, layer: str, guide: Tensor | None) -> Callable[[Size], Objective]:
    """What is raised at each size: half the mean square, or the likeness to the guide's features."""
    guide_features = None
    if guide is not None:
        read = code(network, layer, (int(guide.shape[-2]), int(guide.shape[-1])))
        guide_features = read.features(reading(network, {layer: read}, guide)[layer])[0]

    def at(size: Size) -> Objective:
        read = code(network, layer, size)
        if guide_features is None:
            return objective(f"half the mean square of {layer}", read.reads, lambda v: read(v).square().mean(1) / 2)
        return objective(
            f"likeness of {layer} to the guide",
            read.reads,
            lambda value: guided_likeness(read.features(value), guide_features),
        )

    return at


def guided_likeness(features: Tensor, guide: Tensor) -> Tensor:
    """The mean over places of each feature's (N, C, P) product with the most alike of `guide` (C, Q), over C: (N,)."""
    products = torch.einsum("ncp,cq->npq", features.detach(), guide)
    best = guide.T[products.argmax(2)]  # (N, P, C)
    return (features.transpose(1, 2) * best).mean((1, 2))
