"""Images of units: gradient ascent on whatever an address names, from noise, with the settings of recent practice.

The image is a spectrum in decorrelated colours that fades where no gradient renews it, and the network sees pieces of
it, turned and under noise, others each time (after C. Olah, A. Mordvintsev and L. Schubert, Feature visualization,
2017, and T. Fel et al., 2023; values in `recipes.py`). Every other recipe is the same loop with other parts; this is
the one to start from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from ..instrument import instrument
from ..network import Network
from ..showing import named
from .ascent import adam, ascend
from .images import Image, Pixels, noise
from .objectives import Size, unit
from .options import count, generator, input_size
from .recipes import fading, fourier
from .stepping import stepped
from .synthesis import Synthesis
from .transforms import PIECES

Space = Literal["fourier", "pixels"]


@instrument
def synthesize(
    network: Network,
    target: str | Sequence[str],
    *,
    size: int | tuple[int, int] | None = None,
    steps: int = 256,
    batch: int = 1,
    seed: int = 0,
    space: Space = "fourier",
    robust: bool = True,
    rate: float = 0.02,
) -> Iterator[Synthesis]:
    """What a unit, channel, layer or class would like to see, by gradient ascent from noise.

    Raises LookupError for a target that is not there, ValueError for one that no gradient reaches.

    - `target`: what to raise, such as 'blocks.3:17' (a channel's mean), 'blocks.3:17@5,6' (one neuron), 'blocks.3' (a
      layer's mean square), 'logits:goose' or 'probabilities:goose'; several make a batch, an image each
    - `size`: the image's side in pixels, or height and width; the network's usual input if not given
    - `steps`: how many steps of gradient ascent to take
    - `batch`: images of each target, from different starts
    - `seed`: the start and the transforms; the same seed gives the same images
    - `space`: what is optimised: a spectrum in decorrelated colours (fourier), or the pixels
    - `robust`: show the network pieces of the image, turned and under noise, others at every step
    - `rate`: Adam's step size
    """
    height, width = input_size(network, size)
    targets = [target] if isinstance(target, str) else list(target)
    batch = count(batch, "batch")
    titles = [named(network, network.address(each, (height, width))) for each in targets for _ in range(batch)]
    asked = [each for each in targets for _ in range(batch)] if len(targets) > 1 else targets
    objective = unit(network, asked, (height, width))
    start = started(space, len(titles), (height, width), seed)
    moments = ascend(network, objective, start, steps=count(steps, "steps"), optimiser=_OPTIMISERS[space](rate),
                     transform=PIECES if robust else None, seed=seed)  # fmt: skip
    how = f"{_SPACES[space]}{', seen in pieces, turned and under noise' if robust else ''}, Adam with rate {rate:g}"
    yield from stepped(network, objective, start, moments, steps, Synthesis, titles=tuple(titles), how=how, seed=seed)


_SPACES = {"fourier": "Fourier image in decorrelated colours", "pixels": "image of pixels"}
_OPTIMISERS = {"fourier": fading, "pixels": adam}


def started(space: Space, many: int, size: Size, seed: int) -> Image:
    """Images of a kind as they are before the first step."""
    if space == "fourier":
        return fourier(many, size, generator(seed))
    if space == "pixels":
        return Pixels(noise(many, size, generator=generator(seed)))
    raise ValueError(f"an image is optimised as {' or '.join(_SPACES)}, not {space!r}")
