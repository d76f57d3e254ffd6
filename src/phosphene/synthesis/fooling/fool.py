"""Fooling images: noise and patterns that mean nothing to people, and that a network is sure of.

Three ways (A. Nguyen, J. Yosinski and J. Clune, Deep neural networks are easily fooled, 2014). `gradient` raises the
log-probability of a class from noise, until the network is sure. `evolve` and `cppn` need no gradient: MAP-Elites
evolves images for all classes at once, written down number by number or as pattern networks (evolution.py, archive.py,
encodings.py, patterns.py). The paper takes 20,000 generations of the one and 5,000 of the other; what is reached before
is told with the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from ...instrument import instrument
from ...instrument.fields import Role
from ...instrument.roles import ClassNames
from ...network import Network
from ...network.room import check_room
from ..engine.answers import answers, classes_of, in_words, rounded
from ..engine.ascent import adam, ascend
from ..engine.images.image import Pixels, noise
from ..engine.named import Priors, Transforms
from ..engine.objectives import Size
from ..engine.optimisers.bounded import towards
from ..engine.options import count, generator, input_size, positive, step_count, whole_seed
from ..engine.settings import Settings
from ..engine.stepping import current_images
from .archive import Archive
from .encodings import Direct, Encoding
from .evolution import evolve
from .genomes import Patterns
from .result import Fooling, tried_only

Method = Annotated[Literal["gradient", "evolve", "cppn"], Role.METHOD]
STEPS = {"gradient": 200, "evolve": 1000, "cppn": 400}
RATE = 0.01  # of Adam: less than 3 of 255 levels a step
OTHERS = 12  # further classes that the picture of an evolution shows


@instrument
def fool(
    network: Network,
    label: ClassNames,
    *,
    method: Method = "gradient",
    size: int | tuple[int, int] | None = None,
    steps: int | None = None,
    confidence: float = 0.99,
    children: int = 32,
    seed: int = 0,
    priors: Priors | None = None,
    transforms: Transforms | None = None,
) -> Iterator[Fooling]:
    """Images that mean nothing to people, but that the network gives a class with high confidence.

    Raises LookupError for a class that does not exist, ValueError for a network without a score for each class.

    - `label`: the class, such as 'goose' or 99; in Python also a list, with an image for each
    - `method`: gradient (from noise), evolve (evolution of pixel values), cppn (evolution of pattern networks);
      evolution works on all classes at once, and the label says which one to show
    - `size`: the image's side in pixels, or height and width; the network's usual input if not given
    - `steps`: at most how many gradient steps (200) or generations (1000; 400 for cppn)
    - `confidence`: stop when the probability of the class is above this; 1 takes all steps
    - `children`: how many images in one generation
    - `seed`: seed of the start and of all random numbers; the same seed gives the same images
    - `priors`: for gradient, what images should be like, such as tv:0.5 or blur:1; as for synthesize on pixels
    - `transforms`: for gradient, how the image is changed before the network sees it, such as jitter:16,noise:0.05, so
      that it fools the network under all of these; as for synthesize
    """
    if method not in STEPS:
        raise ValueError(f"a method is {', '.join(STEPS)}, not {method!r}")
    measured = input_size(network, size)
    most = step_count(STEPS[method] if steps is None else steps)
    seed, sure = whole_seed(seed), positive(confidence, "confidence", zero=True)
    if sure > 1:
        raise ValueError(f"confidence is a probability, at most 1, not {confidence!r}")
    many = len(label) if isinstance(label, (list, tuple)) else 1
    if not many:
        raise ValueError("no label was given; name at least one class")
    classes = classes_of(network, label, many, measured)
    common: dict[str, Any] = {
        "network": network.name,
        "titles": tuple(in_words(network, index) for index in classes),
        "classes": tuple(classes),
        "class_names": network.labels,
        "seed": seed,
        "objective": "probability" if len(classes) > 1 else f"probability of {in_words(network, classes[0])}",
    }
    if method == "gradient":
        settings = Settings("pixels").override(priors, transforms)
        moments = _by_gradient(network, classes, measured, most, seed, settings)
    else:
        if priors is not None or transforms is not None:
            raise ValueError(
                f"the method {method} evolves images without an objective that priors or transforms could change; "
                "give them with method='gradient'"
            )
        many_children = count(children, "children")
        if method == "evolve":
            check_room(many_children, 12 * measured[0] * measured[1], "children={}: their images")
        encoding: Encoding = Direct(measured) if method == "evolve" else Patterns(measured)
        moments = _by_evolution(network, classes, encoding, most, many_children, seed)
    history: list[Tensor] = []
    for step, now in enumerate(moments, 1):
        history.append(now["scores"])
        fooled = bool((now["scores"] > sure).all())
        yield Fooling(history=torch.stack(history), step=step, steps=step if fooled else most, **now, **common)
        if fooled:
            return


def _by_gradient(
    network: Network, classes: list[int], size: Size, steps: int, seed: int, settings: Settings
) -> Iterator[dict[str, Any]]:
    """Raises each image's log-probability from noise; what a step gives are the fields of a result that change."""
    image = Pixels(noise(len(classes), size, generator=generator(seed)))
    aim = settings.less_costs(towards(network, classes, "the label"))
    changed = ", ".join(filter(None, (settings.view, settings.priors_text)))
    for _ in ascend(network, aim, image, steps=steps, optimiser=adam(RATE), transform=settings.transform,
                    priors=settings.changes, seed=seed, precise=True):  # fmt: skip
        images = rounded(current_images(image))
        probabilities = answers(network, images)
        scores = probabilities[torch.arange(len(classes)), classes]
        yield {
            "images": images.cpu(),
            "scores": scores,
            "confidences": tried_only(probabilities.shape[1], classes, scores),
            "others": torch.empty(0, 3, *size),
            "how": f"Gradient ascent on pixels from noise, Adam with rate {RATE:g}"
            + (f", {changed}" if changed else ""),
        }


def _by_evolution(
    network: Network, classes: list[int], encoding: Encoding, generations: int, children: int, seed: int
) -> Iterator[dict[str, Any]]:
    for generation in evolve(network, encoding, generations=generations, children=children, seed=seed):
        archive = generation.archive
        best = _surest(archive, classes)
        yield {
            "images": archive.images[classes].float() / 255,
            "scores": archive.confidences[classes].clone(),
            "confidences": archive.confidences.clone(),
            "others": archive.images[best].float() / 255,
            "other_classes": tuple(best),
            "how": f"MAP-Elites over {len(archive.confidences):,} classes, {encoding.text}, {children} children a step",
        }


def _surest(archive: Archive, but: list[int]) -> list[int]:
    """The classes, without those of `but`, that the network is surest of."""
    ordered = archive.confidences.argsort(descending=True, stable=True)[: OTHERS + len(but)].tolist()
    return [index for index in ordered if index not in but][:OTHERS]
