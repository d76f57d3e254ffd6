"""Does a unit answer to colour or to form? Its response to its own images without the one or the other.

The images that the unit answers to most are changed (`versions`) and shown again; what a version v keeps is

    kept(v) = mean over images of f(v(x)) / f(x)

with f the unit at the place of its largest response to the whole image x, and a 95 % interval from drawing images anew.
Versions and original are of the same image, so that two versions are compared by the differences within images.

A unit that needs its colours keeps little of its response on grey images (J. Yosinski and others call such units by
eye, 2015; I. Rafegas and M. Vanrell, *Color encoding in biologically-inspired convolutional neural networks*, Vision
Research 2018, turn the same ratio into a colour selectivity index, 1 - f(grey) / f(x) over a unit's best images; M.
Engilberge, E. Collins and S. Süsstrunk, *Color representation in deep neural networks*, ICIP 2017, measure it as well).
One that needs form keeps little where the blocks of its window are permuted (R. Geirhos and others, *ImageNet-trained
CNNs are biased towards texture*, ICLR 2019, ask whole networks by taking colour, texture or shape away).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...input_photo import named
from ...instrument import Result, instrument
from ...instrument.roles import ImageSet, UnitName
from ...measures.intervals import Interval, difference, interval
from ...network import Address, Network
from ...picture import Sheet, Table, compact, counted
from ..maps.fixed_units import whole
from ..trials.collection import inputs
from .asking import Asked, Place, Where, asked, check_where, place_on, seen
from .sensitivities_picture import sheet_of
from .versions import BLOCKS, VERSIONS
from .words import PALE, percent, verdict

WEAKEST = 0.1  # of the strongest response: a ratio to less says little


@dataclass(frozen=True, eq=False, kw_only=True)
class Sensitivities(Result):
    """A unit's responses to n images, the strongest first, and to the versions of each of them."""

    network: str
    unit: str  # its address in words, with a class's name
    sees: str  # in words
    images: tuple[str, ...]
    places: tuple[str, ...] = field(repr=False)  # the addresses of the units that were asked, one for each image
    original: np.ndarray = field(repr=False)  # (n,)
    responses: Mapping[str, np.ndarray] = field(repr=False)  # (n,) by the version's name; NaN where there is none
    how: Mapping[str, str] = field(repr=False)  # each version was made, for the strongest image
    chroma: float  # mean over images: how colourful what the unit sees is; pure red has 0.63
    paled: float  # the share of it that is left where hues were turned; NaN where there is none
    pale: int  # images that have hardly any colour to lose
    tiles: np.ndarray = field(repr=False)  # (t, h, w, 3): the strongest image's window and its versions
    tile_names: tuple[str, ...] = field(repr=False)
    looked_at: int
    weak: int  # images that were left out, as the unit answers too little to them
    colours: bool  # whether the network sees any
    cut: int  # images of values beyond [0, 1], which were cut
    where: str
    seed: int
    unreadable: tuple[str, ...] = ()

    def kept(self, version: str) -> Interval:
        """The mean ratio of the response to the version and that to the original, with its 95 % interval."""
        return interval(self.ratios(version), self.seed)

    def change(self, version: str) -> Interval:
        """The mean difference of the two responses, version less original, in the unit's own values."""
        return difference(self.responses[version], self.original, self.seed)

    def apart(self, one: str, other: str) -> Interval:
        """What `one` keeps more than `other`: the mean over images of the difference of the two ratios."""
        return difference(self.ratios(one), self.ratios(other), self.seed)

    def ratios(self, version: str) -> np.ndarray:
        """(n,): the response to the version over that to the original, for each image."""
        return self.responses[version] / self.original

    @property
    def shuffled(self) -> str:
        """The name of the version of the smallest blocks that there are."""
        finest = [name for name in BLOCKS if not np.isnan(self.responses[name]).all()]
        return (finest or list(BLOCKS))[-1]

    @property
    def words(self) -> str:
        """What it answers to, in a sentence with its numbers."""
        return verdict(self)

    @property
    def notes(self) -> tuple[str, ...]:
        notes = list(super().notes)
        if self.weak:
            notes.append(
                f"left out: {counted(self.weak, 'image')} to which the unit's response is 0, negative or less than "
                f"{WEAKEST:.0%} of its largest, {compact(float(self.original[0]))}: a ratio to it would say little"
            )
        if self.colours and self.pale:
            notes.append(
                f"{self.pale} of {counted(len(self.images), 'image')} hold hardly any colour where the unit looks "
                f"(chroma below {PALE:g}): grey takes nothing away there"
            )
        if self.cut:
            notes.append(f"{counted(self.cut, 'image')} had values beyond [0, 1], which were cut")
        return tuple(notes)

    def sheet(self) -> Sheet:
        """The strongest image's window and its versions with the responses, and below what each version keeps."""
        return sheet_of(self)

    def table(self) -> Table:
        """What each version keeps."""
        rows = []
        for name in VERSIONS:
            kept, change = self.kept(name), self.change(name)
            if kept.count:
                rows.append([name, percent(kept), compact(change.mean), self.how[name], str(kept.count)])
        header = ["version", "keeps (95 % interval)", "change of the response", "made by", "images"]
        return Table(header, rows, heading=self.words)

    def to_dict(self) -> dict[str, Any]:
        made = [name for name in VERSIONS if self.kept(name).count]
        return {
            "network": self.network,
            "unit": self.unit,
            "sees": self.sees,
            "verdict": self.words,
            "chroma": self.chroma,
            "chroma_left": self.paled,
            "pale": self.pale,
            "looked_at": self.looked_at,
            "weak": self.weak,
            "unreadable": list(self.unreadable),
            "where": self.where,
            "seed": self.seed,
            "images": [
                {"image": image, "place": place, "response": float(value)}
                for image, place, value in zip(self.images, self.places, self.original, strict=True)
            ],
            "versions": [
                {
                    "version": name,
                    "made_by": self.how[name],
                    "kept": self.kept(name).to_dict(),
                    "change": self.change(name).to_dict(),
                    "responses": self.responses[name].tolist(),
                }
                for name in made
            ],
            "grey_less_shuffled": self.apart("grey", self.shuffled).to_dict() if "grey" in made else None,
        }


@instrument
def sensitivities(
    network: Network, images: ImageSet, unit: UnitName, *, k: int = 16, where: Where = "place", seed: int = 0
) -> Sensitivities:
    """Whether a unit answers to colour or to form: its response to grey, hue-turned, blurred and shuffled images.

    Each relative to the response to the original, over the images that it answers to most. Takes photos, files and
    folders of any number; files that can't be read are left out and named. Raises LookupError for a unit that is not
    there, ValueError where no image makes it answer above 0, and for a network that sees no photos.

    - `unit`: a channel such as 'blocks.3:17' (its largest activation in each image), one place of it
      ('blocks.3:17@5,6'), or a class such as 'logits:goose'
    - `k`: how many images, of those that the unit answers to most
    - `where`: asked at the place of its largest response to the original (place), or the largest of all places whose
      windows' middles lie in what it sees there (window): what moves within the window then counts as kept
    - `seed`: which blocks go where, and which images are drawn anew for the intervals
    """
    whole(k, "k", 1)
    check_where(where)
    unreadable: list[str] = []
    best: list[Place] = []
    looked_at = cut = 0
    for one in inputs(network, images):
        if isinstance(one, str):
            unreadable.append(one)
            continue
        x, name, _ = one
        image, was_cut = seen(network, x)
        looked_at, cut = looked_at + 1, cut + was_cut
        best.append(place_on(network, image, name, unit, where))
        best = sorted(best, key=lambda place: -place.value)[:k]
    if not best:
        raise ValueError(f"none of the {len(unreadable)} files can be read as a photo; the first: {unreadable[0]}")
    return sensitivities_of(
        network, unit, best, looked_at=looked_at, cut=cut, unreadable=tuple(unreadable), where=where, seed=seed
    )


def sensitivities_of(
    network: Network, unit: str | Address, places: Sequence[Place], *, looked_at: int, where: str, seed: int,
    cut: int = 0, unreadable: tuple[str, ...] = (),
) -> Sensitivities:  # fmt: skip
    """The unit's sensitivities at places of images, the strongest first."""
    size = (int(places[0].image.shape[-2]), int(places[0].image.shape[-1]))
    address = network.address(unit, size)
    steady = network.steadiness(size)
    steady.insist(network.name, address.layer, "responses to changed images could not be told from chance")
    largest = places[0].value
    if not largest > 0:
        raise ValueError(
            f"{address} of {network.name} answers to none of the {counted(looked_at, 'image')} with more than 0 (the "
            f"largest value is {compact(largest)}); what a version keeps is a ratio to a response above 0"
        )
    strong = [place for place in places if place.value > WEAKEST * largest]
    colours = network.preprocessing.colour != "grey"
    found: list[Asked] = [asked(network, place, seed + at, colours=colours) for at, place in enumerate(strong)]
    chromas = [one.chroma for one in found]
    left = sum(one.paled for one in found) / sum(chromas) if sum(chromas) > 1e-6 else float("nan")
    return Sensitivities(
        network=network.name, unit=named(network, address), sees=_sees(network, address, strong[0], size),
        images=tuple(place.name for place in strong), places=tuple(str(place.address) for place in strong),
        original=np.array([one.original for one in found]),
        responses={name: np.array([one.responses[name] for one in found]) for name in VERSIONS},
        how={name: next((one.how[name] for one in found if name in one.how), "") for name in VERSIONS},
        chroma=float(np.mean(chromas)), paled=left, pale=sum(each < PALE for each in chromas),
        tiles=found[0].tiles, tile_names=found[0].names, looked_at=looked_at, weak=len(places) - len(strong),
        colours=colours, cut=cut, where=where, seed=seed, unreadable=unreadable,
    )  # fmt: skip


def _sees(network: Network, address: Address, place: Place, size: tuple[int, int]) -> str:
    if not place.known:
        return "what it sees is not known: the whole input was changed"
    if (place.window.width, place.window.height) == (size[1], size[0]):
        return "it sees the whole image"
    return f"receptive field {network.receptive_field(Address(address.layer, address.channel), size=size)}"
