"""The patches of the data set that a unit answers to most, cut on demand from the stored photos: the unit's sheet.

With the patches stand the unit's statistics over the whole data set and what its images have in common. The reversed
network (attribution) can show which pattern in each patch the answer came from (M. Zeiler and R. Fergus, 2013), and
synthesis what the unit would like to see instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np

from ...attribution.reversed.projecting import Pattern
from ...input_photo import with_class
from ...instrument import Result, instrument
from ...instrument.roles import AtlasLike, UnitName
from ...picture import Sheet
from ...synthesis import synthesize
from ...synthesis.engine.synthesis import pixels
from ..opened import opened
from ..store.sweep_rows import count_of, units_of
from .naming import Name, named, tied
from .patch import Patch, patches_of
from .patch_sheet import sheet_of
from .projections import projections_of
from .statistics import SHARES, Measured
from .unit import class_names, unit_of


@dataclass(frozen=True, eq=False, kw_only=True)
class Patches(Result, Sequence[Patch]):
    """A unit's strongest patches, best first, with its statistics, its name, and what was computed for its sheet."""

    network: str
    unit: str  # its address
    title: str  # the address in words, with a class's name
    sees: str  # its receptive field, in words
    images: int  # that ran through the network
    places: int  # of the layer's maps
    patches: tuple[Patch, ...] = field(repr=False)
    mean: float  # over all places of all images
    active: float  # the share of them above 0
    largest: float
    tied: int  # patches at the end of the list whose value others may reach, or 0
    shares: tuple[float, ...] = field(repr=False)
    quantiles: tuple[float, ...] = field(repr=False)
    counts: np.ndarray = field(repr=False)  # (bins,): the sketch of its values
    name: Name | None  # None where the images have no labels
    patterns: tuple[Pattern | None, ...] = field(default=(), repr=False)  # one for each patch, if asked for
    missing: tuple[str, ...] = ()  # a sentence for each photo that a pattern was asked of, and that is not there
    method: str = ""  # of the patterns, in words
    image: np.ndarray | None = field(default=None, repr=False)  # (H, W, 3), uint8: what it would like to see
    reached: float = float("nan")  # the channel's mean on that image
    how: str = ""  # it was made

    @overload
    def __getitem__(self, index: int) -> Patch: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Patch, ...]: ...

    def __getitem__(self, index: int | slice) -> Patch | tuple[Patch, ...]:
        return self.patches[index]

    def __len__(self) -> int:
        return len(self.patches)

    def __iter__(self) -> Iterator[Patch]:
        return iter(self.patches)

    def sheet(self, *, context: bool = True) -> Sheet:
        """The unit's sheet: its patches at one scale, its statistics, and its name.

        If a photo does not exist any more, its tile says so.

        - `context`: show the whole photo beside each patch, with a frame around the patch
        """
        return sheet_of(self, context)

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "unit": self.unit,
            "title": self.title,
            "sees": self.sees,
            "images": self.images,
            "mean": self.mean,
            "active": self.active,
            "largest": self.largest,
            "tied": self.tied,
            "quantiles": {f"{100 * share:g} %": at for share, at in zip(self.shares, self.quantiles, strict=True)},
            "name": None if self.name is None else vars(self.name),
            "reached": self.reached if self.image is not None else None,
            "patches": [patch.to_dict() for patch in self.patches],
        }


@instrument
def atlas_patches(
    atlas: AtlasLike,
    unit: UnitName,
    k: int | None = None,
    *,
    projection: bool = False,
    synthesis: bool = False,
    steps: int = 256,
    seed: int = 0,
    sweep: str | None = None,
) -> Patches:
    """The patches of a data set with a unit's highest activations, and the unit's statistics and name.

    Raises LookupError for a layer whose units the atlas does not store, or for a channel that does not exist.

    - `unit`: which unit: a layer's channel such as 'layer3:17'
    - `k`: how many patches; all that the atlas stores if not given
    - `projection`: show, beside each patch, the signal projected back from the unit to the pixels: guided backprop, or
      the gradient if there are no rectifiers
    - `synthesis`: add a synthesised image that the unit responds to most
    - `steps`: how many steps the synthesised image takes
    - `seed`: seed of its start and transforms
    - `sweep`: which sweep to use, if several networks have a layer of this name
    """
    if k is not None and k < 1:
        raise ValueError(f"at least one patch is asked for, not {k}")
    atlas = opened(atlas)
    # which sweep and network the unit belongs to
    swept, target = unit_of(atlas, unit, sweep)
    fields, channel = atlas.fields(swept, target.layer), int(target.channel or 0)
    # what the sweep wrote of it, and its patches
    units = units_of(atlas.store, swept, target.layer)
    row = units.slice(channel, 1)
    (rows,) = patches_of(atlas, swept, target.layer, row.to_pylist(), k)
    measured, values = Measured.of(row), row.column("values")[0].as_py()
    # what is made anew where asked for
    more: dict[str, Any] = {}
    network = atlas.network(swept) if projection or synthesis else None  # the atlas holds all else
    if network is not None and projection:
        projections = projections_of(network, rows, target)
        more |= {"patterns": projections.patterns, "missing": projections.missing, "method": projections.method}
    if network is not None and synthesis:
        synthesised = synthesize(network, str(target), steps=steps, seed=seed)
        more |= {
            "image": pixels(synthesised.images)[0],
            "reached": float(synthesised.scores[0]),
            "how": synthesised.caption,
        }
    images = count_of(atlas.store, swept)
    return Patches(
        network=swept.network, unit=str(target), title=with_class(class_names(swept), target),
        sees=str(fields.channel(channel).field),
        images=images, places=measured.count // max(images, 1), patches=tuple(rows),
        mean=float(measured.mean[0]), active=float(measured.active[0]), largest=float(measured.largest[0]),
        tied=max(0, tied(values, swept.work.k) - (len(values) - len(rows))),
        shares=SHARES, quantiles=tuple(measured.quantiles()[0].tolist()), counts=measured.counts[0],
        name=_name(atlas, swept, units, channel), **more,
    )  # fmt: skip


def _name(atlas: Any, sweep: Any, units: Any, channel: int) -> Name | None:
    try:
        return named(atlas.store, sweep, units)[channel]
    except ValueError:  # no labels
        return None
