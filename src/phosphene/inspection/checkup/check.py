"""The check-up: what is wrong with a network, each finding a sentence with its evidence and what to do.

Debugging by looking, before training longer: does the preprocessing fit, are the labels in order, do all units live,
was every layer trained. Each check is in its own file; this one runs them in order and collects what they find.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...instrument import Result, instrument
from ...instrument.roles import Folder
from ...network import Network
from .activity import activity
from .finding import VERDICTS, Finding, Verdict
from .labels import labels_in_order
from .photos import gather, photos_found
from .picture import Sheet, sheet_of
from .preprocessing import answer, preprocessing_fits
from .running import input_size, mode, photos_fit, runs, speed, steadiness
from .weights import dead_filters, finite_weights, first_filters, untrained

__all__ = ["VERDICTS", "Checkup", "Finding", "check", "checks"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Checkup(Result):
    """All findings about a network, in the order of the checks."""

    findings: tuple[Finding, ...]
    network: str
    photos: int

    @property
    def step(self) -> int:
        """How many checks are done."""
        return len(self.findings)

    @property
    def steps(self) -> None:
        """How many there will be hangs on what they find."""
        return None

    @property
    def progress(self) -> str:
        return self.findings[-1].check

    @property
    def worst(self) -> Verdict:
        """The worst verdict of all: "good", "note", "warning" or "fault"."""
        return max((finding.verdict for finding in self.findings), key=VERDICTS.index, default="good")

    def sheet(self) -> Sheet:
        """A sheet with the findings, the worst first."""
        caption = f"Check-up of {self.network} with {self.photos} photo{'s' * (self.photos != 1)}."
        return sheet_of(self.findings, f"Check-up of {self.network}", caption)

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "photos": self.photos,
            "worst": self.worst,
            "findings": [finding.to_dict() for finding in self.findings],
        }


@instrument
def check(network: Network, folder: Folder | None = None, *, limit: int = 200) -> Iterator[Checkup]:
    """A check-up of the network and its preprocessing: findings with evidence and advice.

    - `folder`: photos to test with, best with one sub-folder for each class; if not given, the included photos
    - `limit`: how many photos to use at most, spread over the folder

    Classes are taken from sub-folders that are named by label or number, or from ImageNet's file names
    (0207_n02099601.jpg). The network does not change. Raises FileNotFoundError for a missing folder and ValueError for
    a folder without a photo that can be read.
    """
    findings: list[Finding] = []
    for finding in checks(network, folder, limit):
        findings.append(finding)
        photos = next((each.evidence["photos"] for each in findings if each.check == "photos"), 0)
        yield Checkup(findings=tuple(findings), network=network.name, photos=photos)


def checks(network: Network, folder: str | os.PathLike[str] | None = None, limit: int = 200) -> Iterator[Finding]:
    """The findings one by one, quick checks first; after a fault that spoils all answers, the rest is left out."""
    material = gather(network, folder, limit)
    yield photos_found(material)
    yield mode(network)
    finite = finite_weights(network)
    yield finite
    if "empty" in finite.evidence:
        return
    yield dead_filters(network)
    if finite.verdict == "good":
        yield from first_filters(network)
    trained = untrained(network)
    yield trained
    broken = photos_fit(network) or runs(network, material)
    if broken is not None:
        yield broken
        return
    yield steadiness(network)
    yield speed(network, material)
    lively = list(activity(network, material))
    yield from lively
    if any(finding.check == "finite activations" and finding.verdict == "fault" for finding in lively):
        words = "Preprocessing, labels and input size were not judged, as the answers are no numbers."
        yield Finding("answers", "note", words, {}, "Mend the values that are NaN or infinite first.")
        return
    yield preprocessing_fits(network, material, learned=not trained.evidence["all"])
    seen = material.first(64)
    yield labels_in_order(network, seen, answer(network, network.normalise(seen.images)))
    yield input_size(network, material)
