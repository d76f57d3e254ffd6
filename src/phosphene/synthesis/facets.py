"""The facets of a unit: one image for each kind of photo that it answers to.

A unit for grocery stores answers to shop fronts and to shelves; one image shows one of them, or a mixture. Multifaceted
feature visualization (A. Nguyen, J. Yosinski and J. Clune, 2016) starts the ascent once for each kind:

    1. take the photos to which the unit answers most, and what a later layer says of them
    2. reduce that to 50 principal components, and part the photos into groups with k-means
    3. for each group, start gradient ascent at the mean of the 15 photos nearest to its centre

The paper lays the photos out with t-SNE before k-means; we leave that out, and bring features to one length, so that
the loudest photos are no group of their own. The ascent goes in the paper's three phases, with its shares of the steps:
the whole image, the image enlarged 1.2 times and seen through a window that moves, and at the end the middle alone.
Our image is a spectrum (Fourier), where the paper's is made of pixels with a total variation prior.

Whether that is more than chance is measured: as many images start at noise and take the same steps beside them. How
far images are from each other is 1 − the cosine of what the later layer says of them, mean over pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..instrument import instrument
from ..network import Address, Layer, Network
from ..picture import Block, DrawingBlock, ImageBlock, Picture, Row, Table, compact, grid, line_plot, sheet
from .ascent import Moment, adam, ascend, scored
from .clusters import k_means, principal
from .collection import Photos, Seen, look_through
from .diversity import mean_of_others, single
from .images import Fourier
from .layers import as_maps, last_maps, maps_layer
from .objectives import Objective, Size, objective, unit
from .options import count, input_size
from .priors import blurred
from .starts import fitted
from .stepping import shown
from .synthesis import WIDTH, Synthesis, pixels, tiled
from .transforms import Moved

COMPONENTS, NEAREST = 50, 15  # the paper's
BLUR = 1 / 224  # of the side: the mean of photos is blurred already
SHOWN = 6  # photos of a group on the sheet
FACET = 300.0  # pixels of a facet's width there
PHASES = ((190 / 370, 1.0, 0.0), (150 / 370, 1.2, 0.0), (30 / 370, 1.0, 50 / 224))  # share of steps, zoom, margin


@dataclass(frozen=True)
class Phase:
    """How the network sees the image in one phase: enlarged `zoom` times, and moved a little; no gradient comes back
    from its margin.
    """

    zoom: float
    margin: float  # share of the side

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        if self.margin:
            height, width = images.shape[-2:]
            down, across = round(self.margin * height), round(self.margin * width)
            middle = torch.zeros_like(images[:1, :1])
            middle[..., down : height - down, across : width - across] = 1
            images = torch.where(middle > 0, images, images.detach())
        if self.zoom != 1:
            height, width = images.shape[-2:]
            high, wide = round(height / self.zoom), round(width / self.zoom)
            top = int(torch.randint(0, height - high + 1, (1,), generator=generator))
            left = int(torch.randint(0, width - wide + 1, (1,), generator=generator))
            images = fitted(images[..., top : top + high, left : left + wide], (height, width))
        return MOVED(images, generator)


MOVED = Moved(shift=8 / 224, scale=0.05, turn=5.0)  # half of what images of units are moved: a start is to stay


@dataclass(frozen=True, eq=False)
class Group:
    """Photos that look alike to the later layer."""

    count: int  # of all photos in it
    names: tuple[str, ...]  # of those nearest to its centre, nearest first
    photos: Tensor = field(repr=False)  # some of them (k, 3, H, W) in [0, 1]


@dataclass(frozen=True, eq=False, kw_only=True)
class Facets(Synthesis):
    """An image for each group of the photos that a unit answers to most, and as many from noise."""

    layer: str  # where photos are compared
    groups: tuple[Group, ...]
    begun: Tensor = field(repr=False)  # (N, 3, H, W): the groups' means, blurred
    restarts: Tensor = field(repr=False)  # (N, 3, H, W)
    restart_scores: Tensor  # (N,)
    restart_history: Tensor = field(repr=False)
    distances: dict[str, float]  # of "facets" and of "restarts", mean over pairs, in what the later layer says
    matched: int  # facets that are nearer to their own group's centre than to any other's
    photo_score: float  # the best of all photos
    unreadable: tuple[str, ...] = ()

    def frame(self) -> np.ndarray:
        """The facets above the restarts, as one frame of a film."""
        return grid(pixels(torch.cat([self.images, self.restarts])), scale=1, columns=len(self.images)).pixels

    def picture(self, *, photos: bool = True) -> Picture:  # type: ignore[override]
        """For each facet its image, where it began, and photos of its group; then the restarts, and the measure.

        - `photos`: show the photos of each group
        """
        blocks: list[Block] = []
        told = [
            f"{compact(float(score))}: {_photos(group)}" for score, group in zip(self.scores, self.groups, strict=True)
        ]
        if photos:
            for number, group in enumerate(self.groups):
                own = ImageBlock(pixels(self.images[number : number + 1])[0], f"Facet {number + 1}", told[number],
                                 width=FACET, crisp=False)  # fmt: skip
                start = ImageBlock(
                    pixels(self.begun[number : number + 1])[0], "its start", width=FACET / 2, crisp=False
                )
                seen = grid(pixels(group.photos), columns=SHOWN // 2, gutter=8)
                row = [own, start, ImageBlock(seen.pixels, "photos of its group", width=WIDTH - 2 * FACET, crisp=False)]
                blocks.append(Row(row, gap=28))
        else:
            blocks.append(tiled(self.images, told, len(told), "Facets"))
            blocks.append(tiled(self.begun, [""] * len(told), len(told), "Where they began: the mean of each group"))
        scores = [compact(float(score)) for score in self.restart_scores]
        blocks.append(tiled(self.restarts, scores, len(scores), "For comparison: from noise"))
        lines = [each.float().mean(1).tolist() for each in (self.history, self.restart_history)]
        plot = line_plot(lines, ["facets", "from noise"], start=1, across="step", up=self.objective, width=520)
        blocks.append(Row([DrawingBlock(plot), self._table()], gap=48))
        drawing = sheet(self.heading, self.network, blocks, caption=self.caption, width=WIDTH + 96)
        return self.drawn(drawing, f"{self.network}: {self.heading}; {self.caption}", photos=photos)

    def _table(self) -> Table:
        means = [compact(float(scores.double().mean())) for scores in (self.scores, self.restart_scores)]
        rows = [
            ("mean score", *means),
            ("distance of any two", *(compact(self.distances[name]) for name in ("facets", "restarts"))),
            ("nearest to their own photos", f"{self.matched} of {len(self.images)}", "–"),
            ("best photo's score", compact(self.photo_score), "–"),
        ]
        return Table(["", "facets", "from noise"], rows)

    @property
    def heading(self) -> str:
        return f"{len(self.images)} facets of {self.objective}"

    @property
    def caption(self) -> str:
        return (
            f"{super().caption} Photos are grouped, and images compared, by the means of {self.layer} over its places; "
            "distances are 1 − the cosine of these."
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            **super().to_dict(),
            "layer": self.layer,
            "groups": [{"count": group.count, "photos": list(group.names)} for group in self.groups],
            "restart_scores": self.restart_scores.tolist(),
            "distances": self.distances,
            "matched": self.matched,
            "photo_score": self.photo_score,
            "unreadable": list(self.unreadable),
        }


@instrument
def facets(
    network: Network,
    target: str,
    photos: Photos,
    *,
    groups: int = 4,
    top: int = 60,
    layer: str | None = None,
    size: int | tuple[int, int] | None = None,
    steps: int = 256,
    seed: int = 0,
    rate: float = 0.02,
) -> Iterator[Facets]:
    """The different things that a unit answers to: an image for each kind of photo among those that it answers to most.

    Takes photos, files and folders of any number; files that can't be read are left out and named. Raises LookupError
    for a target or a layer that is not there, ValueError for fewer photos than groups and for a target that no gradient
    reaches.

    - `target`: what to raise: a channel such as 'blocks.5:17', a neuron, or a class such as 'logits:goose'
    - `photos`: a photo, or a folder of them; give hundreds, of many kinds
    - `groups`: how many facets to look for
    - `top`: how many photos, of those that the unit answers to most, are parted into groups
    - `layer`: where photos are compared, by its means over places; if not given, the last one with maps
    - `size`: the image's side in pixels, or height and width; the network's usual input if not given
    - `steps`: how many steps of gradient ascent to take, in three phases
    - `seed`: where the grouping begins, the noise and the moves; the same seed gives the same images
    - `rate`: Adam's step size
    """
    wanted, many, steps = input_size(network, size), count(groups, "groups", 2), count(steps, "steps")
    address = single(network, target, wanted)
    generator = torch.Generator().manual_seed(seed)
    usual = network.preprocessing.size
    seen = look_through(network, photos, network.address(address, usual), _later(network, layer, usual))
    found, begun, centres = grouped(network, seen, many, count(top, "top", many), wanted, seed)
    image = started(begun, generator)
    base, at = unit(network, address, wanted), _later(network, layer, wanted)
    alike, own = likeness(at), nearest(at, centres)
    history = torch.empty(steps, 2 * many)
    for moment in _in_phases(network, base + 0 * alike + 0 * own, image, steps, rate, seed):
        history[moment.step - 1] = moment.scores
        made, parts = moment.images, moment.parts
        if moment.step == steps:
            made = shown(image)
            parts = {each.name: scored(network, each, made) for each in (base, alike, own)}
        scores, cosines = parts[base.name].cpu(), parts[alike.name].double()
        yield Facets(
            network=network.name, objective=base.name, titles=tuple(f"facet {number + 1}" for number in range(many)),
            images=made[:many].cpu(), scores=scores[:many], history=history[: moment.step, :many].clone(),
            restarts=made[many:].cpu(), restart_scores=scores[many:],
            restart_history=history[: moment.step, many:].clone(),
            distances={"facets": 1 - float(cosines[:many].mean()), "restarts": 1 - float(cosines[many:].mean())},
            matched=int(parts[own.name][:many].sum()), photo_score=float(seen.scores.max()), groups=found, begun=begun,
            layer=at.name, step=moment.step, steps=steps, seed=seed, unreadable=seen.unreadable,
            how=f"Fourier image in decorrelated colours, in three phases, Adam with rate {rate:g}",
        )  # fmt: skip


def _photos(group: Group) -> str:
    return f"{group.count} photo{'s' * (group.count != 1)}"


def grouped(
    network: Network, seen: Seen, many: int, top: int, size: Size, seed: int
) -> tuple[tuple[Group, ...], Tensor, Tensor]:
    """The groups of the `top` photos, the images (N, 3, H, W) to start at, and the centres (N, D) of their features."""
    best = np.argsort(-seen.scores, kind="stable")[:top]
    features = F.normalize(torch.from_numpy(seen.features[best]), dim=1)  # else the loudest photos are a group
    points = principal(features, COMPONENTS)
    assigned, middles = k_means(points, many, seed)
    if (apart := len(assigned.unique())) < many:
        raise ValueError(f"the photos look alike and make {apart} of {many} groups; give others or ask for fewer")
    groups, begun, centres = [], [], []
    for group in range(many):
        inside = torch.nonzero(assigned == group)[:, 0]
        order = inside[(points[inside] - middles[group]).norm(dim=1).argsort(stable=True)]
        near = [int(best[index]) for index in order[:NEAREST]]
        images = torch.cat([fitted(seen.image(network, index), size) for index in near])
        groups.append(Group(len(inside), tuple(seen.names[index] for index in near), images[:SHOWN]))
        begun.append(images.mean(0, keepdim=True))
        centres.append(features[inside].mean(0))
    return tuple(groups), blurred(torch.cat(begun), BLUR * max(size)), torch.stack(centres)


def started(begun: Tensor, generator: torch.Generator) -> Fourier:
    """Images that start at the given ones, and behind them as many that start at noise."""
    image = Fourier.of(torch.cat([begun, begun]))
    noise = Fourier(len(begun), image.size, generator=generator)
    with torch.no_grad():
        image.spectrum[len(begun) :] = noise.spectrum
    return image


def likeness(layer: Layer) -> Objective:
    """Each image's mean cosine, of the layer's means over its places, with the others of its half of the batch (N,)."""
    maps = as_maps(layer)

    def measure(value: Tensor) -> Tensor:
        means = F.normalize(maps(value).flatten(2).mean(2), dim=1)
        return torch.cat([mean_of_others(half @ half.T) for half in means.chunk(2)])

    return objective(f"likeness at {layer.name}", layer.name, measure)


def nearest(layer: Layer, centres: Tensor) -> Objective:
    """1 where an image of the first half is nearer to its own group's centre than to any other's, else 0 (N,).

    Nearer is what has the larger cosine. All that synthesised images have in common, and photos have not, would hide
    the difference: images are taken from the mean of these images, centres from the mean of the centres.
    """
    maps = as_maps(layer)

    def measure(value: Tensor) -> Tensor:
        means = maps(value).flatten(2).mean(2).detach()
        whole = centres.to(means)
        half = means[: len(whole)]
        cosines = F.normalize(half - half.mean(0), dim=1) @ F.normalize(whole - whole.mean(0), dim=1).T
        hits = cosines.argmax(1) == torch.arange(len(whole), device=means.device)
        return torch.cat([hits, torch.zeros_like(hits)]).to(means)

    return objective(f"own centre at {layer.name}", layer.name, measure)


def _in_phases(
    network: Network, base: Objective, image: Fourier, steps: int, rate: float, seed: int
) -> Iterator[Moment]:
    """The moments of all phases, counted through."""
    done, share = 0, 0.0
    for number, (part, zoom, margin) in enumerate(PHASES):
        share += part
        more = round(share * steps) - done
        transform = Phase(zoom, margin)
        for moment in ascend(network, base, image, steps=more, transform=transform, optimiser=adam(rate),
                             seed=seed + number):  # fmt: skip
            yield replace(moment, step=done + moment.step)
        done += more


def _later(network: Network, layer: str | None, size: Size) -> Layer:
    """The layer at which photos and images are compared."""
    return last_maps(network, size) if layer is None else maps_layer(network, layer, Address.parse(layer), size)
