"""One objective from several starts, in one batch: what of an image is the unit's, and what came with the start.

Gradient ascent climbs the hill that it stands on. From the network's zero (its mean colour), from noise and from a
photo it ends at images that score much alike and look different; what they share is what the unit asks for. K. Simonyan
et al. (2014) start at the zero image, A. Nguyen et al. (2014) at the mean image, C. Olah et al. (2017) at weak noise.

The ascent is that of `synthesize`, under which a spectrum fades: of a start stays what the unit renews.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...instrument import instrument
from ...instrument.roles import UnitName
from ...network import Network
from ...picture import Block, Photo, Sheet, compact, counted
from ..engine.ascent import ascend, scored
from ..engine.images.image import noise
from ..engine.layers.gram import pairwise_rms
from ..engine.named import Priors, Transforms
from ..engine.objectives import Size, unit
from ..engine.options import generator, image_count, input_size, precision, seen_images, step_count
from ..engine.settings import settings_of, unit_alone
from ..engine.stepping import stepped
from ..engine.synthesis import Synthesis, tiled, trace
from ..synthesize import Space
from ..synthesize import begun as image_at
from .diversity import single

SPACES = ("fourier", "pixels")
STRONG = 0.25  # standard deviation of strong noise, as that of a photo's pixels; weak noise has a fifth of it


@dataclass(frozen=True, eq=False, kw_only=True)
class Starts(Synthesis):
    """Images from several starts, with the starts themselves."""

    begun: Tensor = field(repr=False)  # (N, 3, H, W) in [0, 1]
    begun_scores: Tensor  # (N,)

    @property
    def distances(self) -> tuple[float, float]:
        """How far the starts, and the images, are from each other: root mean square over pixels, mean over pairs."""
        return pairwise_rms(self.begun), pairwise_rms(self.images)

    def sheet(self, *, columns: int = 6) -> Sheet:
        """The starting images above the results, with their scores, and a plot of the scores at every step.

        - `columns`: images in a row
        """
        before, after = (
            [f"{title}: {compact(float(score))}" for title, score in zip(self.titles, scores, strict=True)]
            for scores in (self.begun_scores, self.scores)
        )
        blocks: list[Block] = [
            tiled(self.begun, before, columns, "Starts"),
            tiled(self.images, after, columns, f"After {counted(self.step, 'step')}"),
            trace(self.history, self.objective, 560),
        ]
        return self.sheet_of(blocks)

    @property
    def heading(self) -> str:
        return f"{self.objective} from {counted(len(self.images), 'start')}"

    @property
    def caption(self) -> str:
        before, after = self.distances
        return (
            f"{super().caption} Any two starts differ by {compact(before)}, any two results by {compact(after)} (root "
            "mean square over pixels, mean over pairs)."
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            **super().to_dict(),
            "start_scores": self.begun_scores.tolist(),
            "distances": dict(zip(("starts", "images"), self.distances, strict=True)),
        }


@instrument
def starts(
    network: Network,
    target: UnitName,
    *,
    start: Photo | None = None,
    random: int = 3,
    size: int | tuple[int, int] | None = None,
    steps: int = 256,
    seed: int = 0,
    space: Space = "fourier",
    robust: bool = True,
    rate: float = 0.02,
    priors: Priors | None = None,
    transforms: Transforms | None = None,
) -> Iterator[Starts]:
    """Images of one unit from several starting images: the network's zero, strong noise, a photo, and weak noise.

    All run in one batch. Raises LookupError for a target that does not exist, ValueError for one that no gradient
    reaches.

    - `target`: what to raise, such as 'blocks.3:17' (a channel's mean), 'blocks.3:17@5,6' (one neuron), 'logits:goose'
    - `start`: a photo to start from as well
    - `random`: how many images start from weak noise
    - `size`: the image's side in pixels, or height and width; the network's usual input if not given
    - `steps`: how many steps of gradient ascent to take
    - `seed`: seed of the noise and the transforms; the same seed gives the same images
    - `space`: what is optimised: a spectrum in decorrelated colours (fourier), or the pixels
    - `robust`: show the network random crops of the image, turned and with noise, new ones at every step
    - `rate`: Adam's step size
    - `priors`: what images should be like, such as tv:0.05, or none; as for synthesize
    - `transforms`: how the image is changed before the network sees it, such as jitter:16, or none; as for synthesize
    """
    if space not in SPACES:
        raise ValueError(f"an image is optimised as {' or '.join(SPACES)}, not {space!r}")
    shape, steps = input_size(network, size), step_count(steps)
    objective = unit(network, single(network, target, shape), shape)
    begun, titles = beginnings(
        network, start, image_count(random, "random", shape, network, [target], least=0), shape, seed
    )
    settings = settings_of(space, robust, priors, transforms)
    image = image_at(settings, begun)
    with torch.no_grad():
        begun = image().detach().to(network.device, precision(network), copy=True)
    moments = ascend(network, settings.less_costs(objective), image, steps=steps, optimiser=settings.optimiser(rate),
                     transform=settings.transform, priors=settings.changes, seed=seed)  # fmt: skip
    moments = unit_alone(objective, moments)
    how = f"{settings.how()}, Adam with rate {rate:g}"
    fields = {"begun": begun.cpu(), "begun_scores": scored(network, objective, begun).cpu()}
    yield from stepped(network, objective, image, moments, steps, Starts, titles=titles, how=how, seed=seed, **fields)


def beginnings(
    network: Network, photo: Photo | None, random: int, size: Size, seed: int
) -> tuple[Tensor, tuple[str, ...]]:
    """The starts (N, 3, H, W) in [0, 1] and what each is: zero, strong noise, the photo, weak noises."""
    draws = generator(seed)
    zero = network.denormalise(torch.zeros(1, network.preprocessing.channels, *size)).clamp(0, 1)
    images_by_name = {"the network's zero": zero, "strong noise": noise(1, size, deviation=STRONG, generator=draws)}
    if photo is not None:
        images_by_name[photo.name] = fitted(seen_images(network, photo).float().cpu(), size)
    for number in range(1, random + 1):
        images_by_name[f"weak noise {number}"] = noise(1, size, deviation=STRONG / 5, generator=draws)
    return torch.cat(list(images_by_name.values())), tuple(images_by_name)


def fitted(images: Tensor, size: Size) -> Tensor:
    """The images (N, 3, H, W) resized to `size` where they are not of it."""
    if images.shape[-2:] == size:
        return images
    return F.interpolate(images, size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
