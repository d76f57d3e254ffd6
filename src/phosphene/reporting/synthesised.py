"""The report's section on what the network would like to see: its best class, and a unit of each layer shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..instrument.recipe import Recipe, recipe
from ..network import Guess, Network
from ..picture import Photo, compact
from ..synthesis import synthesize
from ..synthesis.engine.synthesis import pixels
from .figures import PageImage, compressed
from .sections import Units

STEPS = 48  # enough to tell what a unit is about; the instrument's own default makes clearer pictures
VIEW = 420  # pixels of an image's longer side


@dataclass(frozen=True)
class Image:
    """An image made for a target, and what it reached beside what the photo did."""

    target: str
    image: PageImage
    reached: str
    on_photo: str
    caption: str
    made: Recipe


def synthesised(network: Network, photo: Photo, guesses: Sequence[Guess] | None, units: Sequence[Units]) -> list[Image]:
    """The best class and the strongest unit of each chosen layer; without what no gradient reaches."""
    targets = [f"logits:{guesses[0].index}"] if guesses else []
    targets += [f"{each.chosen.layer.name}:{each.cards[0].channel}" for each in reversed(units)]
    images = []
    for target in targets:
        try:
            result = synthesize(network, target, steps=STEPS)
        except ValueError:  # no gradient comes back from there, or the network takes no image of its usual size
            continue
        image = compressed(pixels(result.images)[0], VIEW)
        how = recipe(result.made)
        on_photo = compact(float(network.record(photo, target)[target].mean()))  # over all places, as the image's
        images.append(Image(result.titles[0], image, compact(float(result.scores[0])), on_photo, result.caption, how))
    return images
