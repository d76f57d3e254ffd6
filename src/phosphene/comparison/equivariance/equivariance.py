"""Does a layer follow a transformation of the image, and by which linear map?

A representation φ is equivariant to g where some map M_g exists with

    φ(g x) = M_g φ(x)   for all images x.

Each layer's M_g is learned: places are moved as g moves them, then a local linear map over m × m places mixes the
channels, fitted by ridge regression (K. Lenc and A. Vedaldi, *Understanding image representations by measuring their
equivariance and equivalence*, CVPR 2015; IJCV 2019). Three predictions of φ(g x) are compared on images that took no
part in the fit, each by its squared error over the variance of φ(g x) about the channels' means, so that 0 is exact and
1 no better than the mean:

    uncompensated   φ(x) itself: what an invariant layer would give
    permuted        φ(x) with its places moved, and no channel changed
    learned         M_g φ(x)

Where the paper judges a map by the classifier's error alone, `restored` says it beside: the share of images that the
network answers as it answers the image before g, with the rest of the network going on from the mapped values. A map
can also be trained by these answers (`task`), which asks less of it: the rest of the network may not read everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from ...data.collection import ImageCollection
from ...data.gathering import Gathered
from ...data.passing import passed, way_of
from ...instrument import Result, instrument
from ...instrument.roles import CheckpointFolder, Cluster, ImageSource, LayerNames
from ...measures.intervals import Interval, ratio
from ...network import Network
from ...network.room import human
from ...picture import Sheet, Table
from ...transformations import transformation_of
from ..maps.layers import depth_of, layers_of, passes, studied
from ..maps.mapping import LinearMap
from ..maps.samples import check_sums
from ..maps.turns import check_enough
from ..roles import By
from .equivariance_picture import sheet_of, table_of
from .filters import kernels_of
from .fitting import Fitted, Tally, fitted
from .local import local, local_error
from .measuring import EXAMPLE, WAYS, Measuring
from .restoring import Answering, Answers, past, taught
from .words import verdict

LESS = "choose layers of fewer channels, or a smaller neighbourhood"


@dataclass(frozen=True, eq=False)
class LayerFollows:
    """How well a layer's values for transformed images are predicted, and which answers come back."""

    layer: str
    channels: int
    grid: tuple[int, int]
    side: int  # of the neighbourhood that the map reads
    depth: float  # its place among the network's values, from 0 to 1
    uncompensated: Interval
    permuted: Interval
    learned: Interval
    strength: float
    centre: str
    local: Interval | None  # the local equivariance error; None where the transformation has no small member
    restored: Mapping[str, Interval]  # by the way; empty where the network gives no answers
    map: LinearMap = field(repr=False)
    correlation: np.ndarray = field(repr=False)  # (channels after, channels before), at the moved place
    kernels: np.ndarray | None = field(default=None, repr=False)  # of a convolution of the image itself

    def to_dict(self) -> dict[str, Any]:
        row: dict[str, Any] = {
            "layer": self.layer, "channels": self.channels, "grid": list(self.grid), "depth": self.depth,
            "neighbourhood": self.side,
        }  # fmt: skip
        for way in WAYS:
            error: Interval = getattr(self, way)
            row |= {way: error.mean, f"{way}_interval": [error.low, error.high]}
        row |= {"strength": None if np.isnan(self.strength) else self.strength, "centre": self.centre}
        row["local"] = None if self.local is None else self.local.mean
        for way, share in self.restored.items():
            row |= {f"restored_{way}": share.mean, f"restored_{way}_interval": [share.low, share.high]}
        return row


@dataclass(frozen=True, eq=False, kw_only=True)
class Equivariance(Result):
    """How well each layer follows a transformation: normalised errors of three predictions, and restored answers."""

    network: str
    by: str  # the transformation, as text
    layers: tuple[LayerFollows, ...]  # in the network's order
    clean: Interval | None  # share of right answers without the transformation; None where the network gives none
    labelled: bool  # whether "right" is the class that the images' source states; else the network's own answer
    inverse: bool  # whether answers are those for g⁻¹(x), mapped back; else those for x, mapped to g(x)'s
    images: int  # that measured
    fitting: int  # that took part in the fits
    example: tuple[np.ndarray, np.ndarray] | None = field(repr=False)  # an image and its version, (H, W, 3), uint8
    sparse: int | None
    seed: int
    sums_bytes: int = 0  # of the sums that a pass holds at once
    best: str | None = None  # the layer whose learned map restores most answers of the images that choose
    left_out: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    progress: str = ""
    step: int = 0
    steps: int | None = None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A dict for each layer: its name, the three errors with their intervals, and what is restored."""
        return [each.to_dict() for each in self.layers]

    def layer(self, name: str) -> LayerFollows:
        """What was measured at a layer. LookupError for one that was not studied."""
        for each in self.layers:
            if each.layer == name:
                return each
        raise LookupError(f"{name!r} was not studied; the layers are {', '.join(each.layer for each in self.layers)}")

    def map(self, layer: str) -> LinearMap:
        """The learned map of a layer. LookupError for one that was not studied."""
        return self.layer(layer).map

    @property
    def notes(self) -> tuple[str, ...]:
        return (*super().notes, *self.left_out)

    @property
    def words(self) -> str:
        """What comes out, in a sentence with its numbers."""
        return verdict(self)

    def sheet(self, map: str | None = None, example: bool = True) -> Sheet:
        """The errors and restored answers of all layers, and one layer's map as a picture.

        - `map`: the layer whose map is drawn; if not given, the first one
        - `example`: draw an image and its transformed version
        """
        return sheet_of(self, map, example)

    def table(self) -> Table:
        """The numbers of every layer."""
        return table_of(self)

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "by": self.by,
            "verdict": self.words,
            "images": self.images,
            "fitting": self.fitting,
            "labelled": self.labelled,
            "inverse": self.inverse,
            "clean": None if self.clean is None else self.clean.to_dict(),
            "sparse": self.sparse,
            "best": self.best,
            "sums_bytes": self.sums_bytes,
            "seed": self.seed,
            "rows": self.rows,
            "left_out": list(self.left_out),
            "unreadable": list(self.unreadable),
        }


@instrument
def equivariance(
    network: Network,
    images: ImageSource,
    by: By = "flip-horizontal",
    *,
    layers: LayerNames | None = None,
    neighbourhood: int = 3,
    sparse: int | None = None,
    task: int = 0,
    limit: int | None = 300,
    seed: int = 0,
    ray: Cluster | None = None,
    checkpoint: CheckpointFolder | None = None,
) -> Iterator[Equivariance]:
    """How well each layer follows a transformation of the image: uncompensated, with places moved, by a learned map.

    Errors are squared and relative to the variance of the values for transformed images: 0 is exact, 1 no better than
    the mean. Of five images three fit the maps, one chooses the strength of their penalty and one measures, so that ten
    are the fewest; the one that chooses also says which layer restores most answers. Memory does not grow with the
    images but by a few hundred bytes each: the fits hold sums, whose size the first step says. Raises ValueError for
    fewer images, or sums beyond this machine's memory, LookupError for an unknown layer or transformation.

    - `images`: a folder, archive, table or data set of images, or photos; with a sub-folder for each class, answers are
      held against the classes
    - `by`: the transformation, such as flip-horizontal, rotate:45, scale:1.25, translate:0.1,0, crop:0.8, grey,
      brightness:1.3, blur:2, or several with + between them
    - `layers`: which layers; if not given, the outputs of up to ten blocks, spread over the depth
    - `neighbourhood`: a map reads so many places in each direction, an odd number
    - `sparse`: each channel is made of at most so many values, instead of a ridge regression on all
    - `task`: so many steps of training for each layer's map by the answers, through the rest of the network, 16 images
      each; it stands beside the fitted one
    - `limit`: how many images to use at most, spread over all
    - `seed`: which places of large layers take part in the fit
    - `ray`: run on the Ray cluster at this address; 'local' starts one on this machine, 'auto' uses a running one
    - `checkpoint`: a folder that holds how far the run is, so that a killed run goes on from there; training by the
      task begins anew
    """
    g = transformation_of(by)
    if task < 0:
        raise ValueError(f"task is a number of steps, at least 0, not {task}")
    if neighbourhood < 1 or neighbourhood % 2 == 0:
        raise ValueError(f"a neighbourhood is an odd number of places, at least 1, not {neighbourhood}")
    chosen = [studied(layer, neighbourhood) for layer in layers_of(network, layers)]
    for each in chosen:
        network.steadiness().insist(network.name, each.name, "a map is fitted to what an image gives each time")
    check_enough(ImageCollection(images, [network], limit=limit), "fitting, choosing and measuring need")
    groups = passes(chosen)
    size = check_sums([[(each.depth, each.channels) for each in group] for group in groups], LESS)
    account = {
        "instrument": "equivariance", "transformation": g, "layers": [(each.name, each.side) for each in chosen],
        "sparse": sparse, "task": task, "seed": seed,
    }  # fmt: skip
    how = way_of(ray, checkpoint, [network], account)
    began = Equivariance(
        network=network.name, by=str(g), layers=(), clean=None, labelled=False, inverse=g.inverse is not None,
        images=0, fitting=0, example=None, sparse=sparse, seed=seed, sums_bytes=size,
        left_out=tuple(each.note for each in chosen if each.note),
    )  # fmt: skip
    yield replace(began, progress=f"fitting: sums of {human(size)}{_in_passes(len(groups))}", step=1)
    fits: dict[str, Fitted] = {}
    step = 1
    with torch.no_grad():
        tally = Tally()
        for words, fit in fitted(network, images, g, chosen, tally, how, sparse=sparse, limit=limit, seed=seed):
            step += 1
            if fit is not None:
                fits[fit.studied.name] = fit
            yield replace(began, progress=words, step=step)
        began = replace(began, fitting=tally.images, unreadable=tally.unreadable)
        every = [fits[each.name] for each in chosen]
        refused = past(every)
        maps: list[LinearMap] = []
        for fit in every if task and not refused else ():
            maps.append(fit.map)
            for words, maps[-1] in taught(network, images, g, fit, tally, limit=limit, steps=task):
                step += 1
                yield replace(began, progress=words, step=step)
        answering = None if refused else Answering(g, tuple(every), tuple(maps))
        work = Measuring(images, g, tuple(every), answering, local(network, g), limit)
        gathered = work.begin([network])
        for words in passed("measuring", work, [network], how, gathered):
            step += 1
            yield replace(began, progress=words, step=step)
    yield replace(_result(network, began, every, gathered, refused), step=step + 1)
    how.done()


def _in_passes(count: int) -> str:
    return f", in {count} passes over the images" if count > 1 else ""


def _result(
    network: Network, began: Equivariance, fits: list[Fitted], gathered: Gathered, refused: str
) -> Equivariance:  # fmt: skip
    count = int((~gathered.column("chooses").astype(bool)).sum())
    if count < 2:
        raise ValueError("too few images could be read to measure errors by; give more")
    answers = Answers(gathered, began.inverse, refused)
    rows = []
    for fit in fits:
        name = fit.studied.name
        total = gathered.column(f"total {name}")
        ways = {way: ratio(gathered.column(f"{way} error {name}"), total, began.seed) for way in WAYS}
        rows.append(
            LayerFollows(
                layer=name, channels=fit.studied.channels, grid=fit.studied.grid, side=fit.studied.side,
                depth=depth_of(network, name), **ways, strength=fit.strength, centre=fit.centre,
                local=local_error(gathered, name, began.seed) if f"whole {name}" in gathered.rows else None,
                restored=answers.restored(name, began.seed), map=fit.map, correlation=fit.correlation,
                kernels=kernels_of(network, fit.studied.layer),
            )
        )  # fmt: skip
    left_out = began.left_out
    if answers.refused:
        left_out = (*left_out, f"no answers were compared: {answers.refused}")
    example = gathered.rows[EXAMPLE[0]][0], gathered.rows[EXAMPLE[1]][0]
    return replace(
        began, layers=tuple(rows), clean=answers.clean(began.seed), labelled=answers.labelled, images=count,
        best=answers.best([fit.studied.name for fit in fits]), example=example, left_out=left_out,
        unreadable=tuple(dict.fromkeys((*began.unreadable, *gathered.unreadable))), progress="done",
    )  # fmt: skip
