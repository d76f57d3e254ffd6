"""How small a change of its photos a network can bear: accuracy under FGSM and PGD, over a folder.

Every photo is attacked away from the class that the network sees in it, at each radius from the smallest on. A photo
that a smaller change has turned counts as turned for larger ones, too, since the larger ball holds the smaller. So a
number says what an attack could not do, not what no attack can: it is an upper bound of what the network truly bears.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ...instrument import instrument, texts
from ...instrument.roles import Folder, MethodNames
from ...network import Network
from ...network.describing.stated import stated_class
from ...picture import Photo, labelled, read
from ..engine.answers import answers, with_others
from ..engine.optimisers.bounded import Norm, away_from, bounded, epsilon_of
from ..engine.options import count, seen_images, step_count, whole_seed
from ..engine.stepping import current_images
from .robustness_table import Robustness

METHODS = ("fgsm", "pgd")


@instrument
def robustness(
    network: Network,
    folder: Folder | Sequence[Photo],
    *,
    methods: MethodNames = "fgsm,pgd",
    epsilons: str | Sequence[float] = "0.25/255,0.5/255,1/255,2/255,4/255",
    norm: Norm = "linf",
    steps: int | None = None,
    limit: int = 100,
    batch: int = 16,
    seed: int = 0,
) -> Iterator[Robustness]:
    """How often the network's answer stays the same when an attack changes the photos a little, as a table and a plot.

    Images are attacked as tensors, without rounding to 8 bits. Raises FileNotFoundError for a missing folder,
    ValueError if no photo can be read, and for radii that are not numbers above 0.

    - `folder`: a folder of photos, in Python also a list of photos; if sub-folders are named like the classes, or files
      like 0207_n02099601.jpg, the accuracy is measured too
    - `methods`: fgsm, pgd, or both
    - `epsilons`: the largest changes, for pixels in [0, 1]: numbers or fractions
    - `norm`: the norm of the changes: linf, the largest change of any value, or l2, the root of the sum of squares
    - `steps`: gradient steps of pgd; 10 if not given
    - `limit`: how many photos to use at most, spread evenly over all
    - `batch`: how many photos run through the network together
    - `seed`: seed of pgd's start in the ball
    """
    ways = tuple(dict.fromkeys(texts.names([methods] if isinstance(methods, str) else methods)))
    if not ways or any(way not in METHODS for way in ways):
        raise ValueError(f"methods are {', '.join(METHODS)}, with commas between them, not {methods!r}")
    several = isinstance(epsilons, Sequence) and not isinstance(epsilons, str)
    listed = epsilons if several else str(epsilons).split(",")
    radii = sorted({epsilon_of(one, norm) for one in listed})
    if not radii:
        raise ValueError("no epsilon was given; give at least one, such as '1/255'")
    photos = _spread(_photos(network, folder), count(limit, "limit"))
    if steps is not None and "pgd" not in ways:
        raise ValueError("steps are those of pgd, which is not among the methods; fgsm takes one")
    pgd_steps, many = step_count(10 if steps is None else steps), count(batch, "batch")
    seed = whole_seed(seed)
    survived = torch.zeros(len(ways), len(radii), 0, dtype=torch.bool)
    right = torch.zeros(0, dtype=torch.int8)
    names: list[str] = []
    unreadable: list[str] = []
    for group in _batches(network, photos, many, unreadable):
        images = torch.cat([image for image, _, _ in group])
        predicted = with_others(network, answers(network, images)).argmax(1)
        seeds = [seed + len(names) + index for index in range(len(group))]  # a photo's own, whatever the batch
        by_method = [_survivors(network, images, predicted, way, radii, norm, pgd_steps, seeds) for way in ways]
        survived = torch.cat([survived, torch.stack(by_method)], 2)
        stated = torch.tensor([target for _, target, _ in group])
        right = torch.cat([right, torch.where(stated < 0, -1, (predicted == stated).to(torch.int8)).to(torch.int8)])
        names += [name for _, _, name in group]
        yield Robustness(
            network=network.name, photos=tuple(names), methods=ways, epsilons=tuple(radii), norm=norm, kept=survived,
            right=right, unreadable=tuple(unreadable), pgd_steps=pgd_steps, seed=seed,
            step=len(names) + len(unreadable), steps=len(photos),
        )  # fmt: skip
    if not names:
        raise ValueError(f"none of the {len(unreadable)} pictures can be read; the first: {unreadable[0]}")


def _survivors(
    network: Network, images: Tensor, predicted: Tensor, method: str, radii: Sequence[float], norm: Norm, steps: int,
    seeds: Sequence[int],
) -> Tensor:  # fmt: skip
    """Which images (radii, N) keep their class in each ball; only those that a smaller one has left are attacked."""
    survived = torch.zeros(len(radii), len(images), dtype=torch.bool)
    left = torch.arange(len(images))
    for row, epsilon in enumerate(radii):
        if not len(left):
            break
        aim = away_from(network, predicted[left].tolist(), "the own class")
        image, moments = bounded(
            network, aim, images[left.to(images.device)], norm=norm, epsilon=epsilon,
            steps=1 if method == "fgsm" else steps, random=method == "pgd", seeds=[seeds[i] for i in left.tolist()],
        )  # fmt: skip
        for _ in moments:
            pass
        left = left[answers(network, current_images(image)).argmax(1) == predicted[left]]
        survived[row, left] = True
    return survived


def _photos(network: Network, folder: Folder | Sequence[Photo]) -> list[tuple[Path | Photo, int]]:
    """What there is to read, each with the class that its name states, or -1."""
    if isinstance(folder, (str, os.PathLike)):
        return [(path, stated_class(network.labels, path, name)) for path, name in labelled(folder)]
    photos = [folder] if isinstance(folder, Photo) else list(folder)
    if not photos or not all(isinstance(one, Photo) for one in photos):
        raise ValueError("give a folder of photos, or a list of photos (phosphene.read opens them)")
    return [(one, -1) for one in photos]


def _spread(result: list[tuple[Path | Photo, int]], most: int) -> list[tuple[Path | Photo, int]]:
    total = min(len(result), most)
    return [result[index * len(result) // total] for index in range(total)]


def _batches(
    network: Network, photos: Iterable[tuple[Path | Photo, int]], most: int, unreadable: list[str]
) -> Iterator[list[tuple[Tensor, int, str]]]:
    """Images (1, 3, H, W) in [0, 1] with their class and name, at most `most` of one size together."""
    group: list[tuple[Tensor, int, str]] = []
    for source, target in photos:
        try:
            photo = read(source)
        except (ValueError, OSError) as error:
            unreadable.append(str(error))
            continue
        image = seen_images(network, photo)
        if group and (len(group) == most or group[0][0].shape != image.shape):
            yield group
            group = []
        group.append((image, target, photo.name))
    if group:
        yield group
