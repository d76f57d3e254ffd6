"""What a HOG descriptor keeps of a photo: images made from it alone, beginning with noise.

    minimise |phi(x) - phi_0|^2 / |phi_0|^2 + smooth V(x) / var(x) over grey images x, phi_0 = phi(photo)

After A. Mahendran and A. Vedaldi (Understanding deep image representations by inverting them, CVPR 2015), who invert
HOG as they invert networks. V is their total variation. It stands over the variance of the pixels here: HOG does not
mind contrast, so that total variation alone would take it away.

A whole vote does not say which way an edge should turn, and descent from noise with it ends in noise that votes like
the photo. So phi first has shared votes, which follow a turning edge smoothly, while phi_0 has whole ones, as the
descriptor that is known: L-BFGS then finds the edges. Steps of Adam with whole votes, which have the derivatives of
shared ones (network/hog.py), bring the descriptors closer.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from torch import Tensor

from ...instrument import instrument
from ...network.hog import Normalise, Settings, hog_network
from ...picture import Photo
from ..engine.ascent import adam, ascend, lbfgs, scored
from ..engine.options import generator, image_count, pair, positive, step_count
from ..engine.stepping import current_images
from .images import GreySpectrum, as_image, described, fitted, like, unevenness
from .result import HogImages, results_of

SIDE = 128
EVALUATIONS = 10  # of the descriptor in a step, about
HISTORY = 30  # differences that L-BFGS keeps
RATE = 0.003  # of Adam


@instrument
def hog_inverse(
    photo: Photo,
    *,
    size: int | tuple[int, int] = SIDE,
    steps: int = 28,
    restarts: int = 1,
    smooth: float = 0.003,
    orientations: int = 9,
    cell: int = 8,
    block: int = 2,
    normalise: Normalise = "L2-Hys",
    seed: int = 0,
) -> Iterator[HogImages]:
    """Images made only from the HOG descriptor of a photo.

    Raises ValueError for a size without room for a block.

    - `photo`: the photo
    - `size`: the images' side in pixels, or height and width; the photo is first resized to it
    - `steps`: steps of about ten evaluations each; half of them L-BFGS with shared votes, then Adam with unshared votes
    - `restarts`: how many images, each from different noise
    - `smooth`: the weight of total variation, divided by the variance of the pixels, against grain
    - `orientations`, `cell`, `block`, `normalise`: options of the descriptor, as in `hog`
    - `seed`: seed of the noise
    """
    settings, measured = Settings(orientations, cell, block, normalise), pair(size)
    goal = fitted(photo, measured, settings)
    many, total = image_count(restarts, "restarts", measured), step_count(steps)
    smooth = positive(smooth, "smooth", zero=True)
    image = GreySpectrum(many, measured, generator(seed))
    first = (total + 1) // 2
    how = (
        f"From noise, a grey Fourier image, {first} × {EVALUATIONS} steps of L-BFGS with shared votes, then "
        f"{total - first} × {EVALUATIONS} of Adam with whole ones, total variation over variance weighed {smooth:g}"
    )
    shared, whole = (hog_network(settings, measured, votes) for votes in ("shared", "through"))
    likeness = like(described(whole, as_image(goal)))
    aim = likeness - smooth * unevenness() if smooth else likeness
    fast = ascend(shared, aim, image, steps=first, optimiser=lbfgs(EVALUATIONS, HISTORY), precise=True)
    slow = ascend(whole, aim, image, steps=(total - first) * EVALUATIONS, optimiser=adam(RATE), precise=True)

    def moments() -> Iterator[tuple[Tensor, Tensor]]:
        for _ in chain(fast, (moment for moment in slow if moment.step % EVALUATIONS == 0)):
            now = current_images(image)
            yield now.cpu(), scored(whole, likeness, now).cpu()

    yield from results_of(
        moments(), total, titles=(photo.name,) * many, how=how, seed=seed, goal=goal, settings=settings
    )
