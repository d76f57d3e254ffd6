"""The result of a stitching: a row for each pair of layers, and the stitched networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...instrument import Result
from ...measures.intervals import Interval
from ...network import Network
from ...picture import Sheet, Table
from ..regression.by_task import Linear
from .places import Places
from .stitch_picture import sheet_of, table_of
from .stitched import Stitched


@dataclass(frozen=True, eq=False)
class Stitch:
    """One pair of layers: how well the values of B's are predicted, and the answers of the stitched networks."""

    layer_a: str
    layer_b: str
    depth_a: float
    depth_b: float
    learned: Interval  # normalised errors
    untrained: Interval
    naive: Interval
    shuffled: Interval
    right: Mapping[str, Interval]  # share of right answers, by the way
    agreement: Mapping[str, Interval]  # share of images that are answered as B answers them
    layer: Linear = field(repr=False)  # weight (channels of B, channels of A) and bias of the better way's layer
    places: Places = field(repr=False)  # how the bottom's maps are brought to the top's
    strength: float = 0.0
    best: str = "regression"  # or "task": whose answers agree with B's most, for the images that choose

    @property
    def name(self) -> str:
        return self.layer_a if self.layer_a == self.layer_b else f"{self.layer_a} → {self.layer_b}"

    def to_dict(self) -> dict[str, Any]:
        row: dict[str, Any] = {
            "layer_a": self.layer_a, "layer_b": self.layer_b, "depth_a": self.depth_a, "depth_b": self.depth_b,
            "best": self.best,
        }  # fmt: skip
        for name in ("learned", "untrained", "naive", "shuffled"):
            error: Interval = getattr(self, name)
            row |= {name: error.mean, f"{name}_interval": [error.low, error.high]}
        for what, shares in (("right", self.right), ("agreement", self.agreement)):
            row[what] = {way: share.to_dict() for way, share in shares.items()}
        return row


@dataclass(frozen=True, eq=False, kw_only=True)
class Stitching(Result):
    """The stitches of two networks, each a pair of layers, and the networks by themselves."""

    a: str
    b: str
    stitches: tuple[Stitch, ...]
    # share of right answers of each network by itself; None where no classes are stated, or A has not all of them
    right_a: Interval | None
    right_b: Interval | None
    labelled: bool
    images: int
    fitting: int
    seed: int
    chance: float  # of a right answer, by guessing one class of all
    networks: tuple[Network, Network] = field(repr=False)
    chosen: int = 0  # the number of the pair whose answers agree with B's most, for the images that choose
    sums_bytes: int = 0  # of the sums that the fits hold at once
    unreadable: tuple[str, ...] = ()
    progress: str = ""
    step: int = 0
    steps: int | None = None

    @property
    def best(self) -> Stitch:
        """The pair of layers whose stitched network agrees with B most, for the images that choose.

        LookupError before anything is measured.
        """
        if not self.stitches:
            raise LookupError("nothing is stitched yet")
        return self.stitches[self.chosen]

    @property
    def learned(self) -> float:
        """The normalised error of the best pair's learned layer."""
        return self.best.learned.mean

    @property
    def untrained(self) -> float:
        """The same from the bottom of A before its training."""
        return self.best.untrained.mean

    @property
    def naive(self) -> float:
        """The same without any layer."""
        return self.best.naive.mean

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A dict for each pair of layers."""
        return [each.to_dict() for each in self.stitches]

    @property
    def network(self) -> Network:
        """The stitched network of the best pair, which every instrument opens."""
        return self.stitched(self.best)

    def stitched(self, stitch: Stitch) -> Network:
        """The network of one of the stitches."""
        a, b = self.networks
        layer_a, layer_b = a.layer(stitch.layer_a), b.layer(stitch.layer_b)
        module = Stitched(a, b, layer_a, layer_b, stitch.places, *stitch.layer)
        notes = (f"the bottom of {a.name} up to {stitch.layer_a}, the top of {b.name} from {stitch.layer_b} on",)
        return Network(module, a.preprocessing, b.labels, head=b.known_head, notes=notes)

    @property
    def words(self) -> str:
        """What comes out, in a sentence."""
        if not self.stitches:
            return "nothing is stitched yet"
        best = self.best
        share = best.agreement[best.best].mean
        words = f"on the values of {self.a}, {self.b} answers {share:.0%} of images as on its own, at {best.name}"
        words += (
            f", of {len(self.stitches)} pairs of layers the best for other images" if len(self.stitches) > 1 else ""
        )
        words += f" ({best.agreement['naive'].mean:.0%} without a learned layer)"
        if self.labelled and self.right_b is not None:
            right = best.right[best.best].mean
            words += f"; {right:.0%} of its answers are right, {self.right_b.mean:.0%} of {self.b}'s own"
        return words

    def sheet(self) -> Sheet:
        """Errors and answers over the pairs of layers."""
        return sheet_of(self)

    def table(self) -> Table:
        """The numbers of every pair."""
        return table_of(self)

    def to_dict(self) -> dict[str, Any]:
        return {
            "a": self.a, "b": self.b, "verdict": self.words, "images": self.images, "fitting": self.fitting,
            "labelled": self.labelled, "right_a": None if self.right_a is None else self.right_a.to_dict(),
            "right_b": None if self.right_b is None else self.right_b.to_dict(), "chance": self.chance,
            "seed": self.seed, "sums_bytes": self.sums_bytes, "rows": self.rows, "unreadable": list(self.unreadable),
        }  # fmt: skip
