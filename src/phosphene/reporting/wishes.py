"""The report's section on what the network would like to see: its best class, and a unit of each layer shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..network import Guess, Network
from ..picture import compact
from ..synthesis import synthesize
from ..synthesis.synthesis import pixels
from .again import Made, made
from .figures import Shown, photograph
from .sections import Units

STEPS = 48  # enough to tell what a unit is about; the instrument's own default makes clearer pictures
VIEW = 420  # pixels of an image's longer side


@dataclass(frozen=True)
class Wish:
    """An image made for a target, and what it reached beside what the photo did."""

    target: str
    image: Shown
    reached: str
    on_photo: str
    caption: str
    made: Made


def wishes(network: Network, guesses: Sequence[Guess] | None, units: Sequence[Units]) -> list[Wish]:
    """The best class and the strongest unit of each chosen layer; without what no gradient reaches."""
    asked: list[tuple[str, str]] = []
    if guesses:
        asked.append((f"logits:{guesses[0].index}", f"{compact(guesses[0].score)} on the photo"))
    for chosen in reversed(units):
        best = chosen.cards[0]
        largest = f"{best.value} at its strongest place in the photo"
        asked.append((f"{chosen.chosen.layer.name}:{best.channel}", largest))
    found = []
    for target, on_photo in asked:
        options: dict[str, Any] = {"steps": STEPS}
        try:
            result = synthesize(network, target, **options)
        except ValueError:  # no gradient comes back from there, or the network takes no image of its usual size
            continue
        image = photograph(pixels(result.images)[0], VIEW)
        how = made(network, "synthesize", None, target, options)
        found.append(Wish(result.titles[0], image, compact(float(result.scores[0])), on_photo, result.caption, how))
    return found
