"""Several networks on one sheet: what each would like to see, for the same question, with equal settings.

The question is a class by its name, or a channel at the same share of the depth: 0 is the first layer of weights that
has a grid of places, 1 the last. All images have one size, start at the same noise and take the same steps. Scores of
two networks are numbers of two kinds and say nothing beside each other; for a class, every network is therefore asked
what it makes of the images of all the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...input_photo import named
from ...instrument import instrument
from ...instrument.roles import Networks, UnitName
from ...network import OUTPUTS, Address, Network
from ..engine.ascent import ascend, evaluated, scored
from ..engine.named import Priors, Transforms
from ..engine.objectives import Size, unit
from ..engine.options import image_count, input_size, precision, step_count
from ..engine.settings import usual_settings
from ..engine.stepping import current_images
from .result import BEST, Judged, SideBySide
from .targets import each_its_own, targets_of


@instrument
def side_by_side(
    networks: Networks,
    target: UnitName | None = None,
    *,
    depth: Sequence[float] | None = None,
    channel: int = 0,
    images: int = 3,
    size: int | tuple[int, int] | None = None,
    steps: int = 256,
    seed: int = 0,
    rate: float = 0.02,
    priors: Priors | None = None,
    transforms: Transforms | None = None,
) -> Iterator[SideBySide]:
    """Synthesised images of several networks on one sheet: for the same class, or for a channel at the same depth.

    Raises LookupError if a network has no such class or channel, ValueError if you give neither a target nor a depth,
    or both.

    - `networks`: which networks, two or more, such as torchvision:resnet18; 'phosphene networks' lists names
    - `target`: what to raise in each network, such as 'logits:goose': a class that all of them have under this name
    - `depth`: instead of a target: at which fractions of each network's layers, such as 0.25, 0.5 and 0.75
    - `channel`: which channel at these depths
    - `images`: how many images of a class, from different starts
    - `size`: the images' side in pixels, or height and width; the first network's usual input if not given
    - `steps`: how many steps of gradient ascent to take for each network
    - `seed`: seed of the starts and the transforms; the same seed gives the same images
    - `rate`: Adam's step size
    - `priors`: what images should be like, such as tv:0.05, or none; as for synthesize
    - `transforms`: how the image is changed before the network sees it, such as jitter:16, or none; as for synthesize
    """
    several = _checked(networks)
    settings = usual_settings().override(priors, transforms)
    shape, steps = input_size(several[0], size), step_count(steps)
    many = image_count(images, "images", shape, several[0], [] if target is None else [target])
    targets = [targets_of(network, target, depth, channel, many, shape) for network in several]
    titles = [_title(network, each) for network, addresses in zip(several, targets, strict=True) for each in addresses]
    columns = len(targets[0])
    images_now, scores = torch.full((len(titles), 3, *shape), 0.5), torch.full((len(titles),), float("nan"))
    history = torch.full((steps, len(titles)), float("nan"))
    heading = titles[0] if depth is None else f"Channel {channel} at {_depth_in_words(depth)} of the depth"
    result = SideBySide(
        network=", ".join(network.name for network in several), names=tuple(network.name for network in several),
        objective=heading, titles=tuple(titles), columns=columns, images=images_now, scores=scores, history=history,
        step=0, steps=steps * len(several), seed=seed,
        how=f"{settings.how()}, Adam with rate {rate:g}",
    )  # fmt: skip
    for index, (network, addresses) in enumerate(zip(several, targets, strict=True)):
        image = settings.spectrum(columns, shape, seed)
        raised = each_its_own(network, addresses, shape)
        for moment in ascend(
            network, settings.less_costs(raised), image, steps=steps, optimiser=settings.optimiser(rate),
            transform=settings.transform, seed=seed,
        ):  # fmt: skip
            images_now, scores, history = images_now.clone(), scores.clone(), history.clone()
            now, reached = moment.images, moment.parts[raised.name]
            history[moment.step - 1, result.row(index)] = reached.float().cpu()
            if moment.step == steps:
                now = current_images(image)
                reached = scored(network, raised, now)
            images_now[result.row(index)], scores[result.row(index)] = now.float().cpu(), reached.float().cpu()
            step = index * steps + moment.step
            end = step == result.steps and depth is None and _is_class(several, targets, shape)
            judged = _judge_images(several, [addresses[0] for addresses in targets], images_now, columns) if end else ()
            yield replace(result, images=images_now, scores=scores, history=history, step=step, judged=judged)


def _checked(networks: Any) -> list[Network]:
    if isinstance(networks, Network) or not all(isinstance(network, Network) for network in networks):
        raise TypeError("side_by_side takes a list of networks: ph.side_by_side([ph.load(), ...], ...)")
    if len(networks) < 2:
        raise ValueError(f"two networks or more stand side by side, not {len(networks)}")
    return list(networks)


def _is_class(networks: Sequence[Network], targets: Sequence[Sequence[Address]], size: Size) -> bool:
    """Whether all are asked for a class of an image, not for all classes at once nor for one at each place."""
    return all(
        addresses[0].layer in OUTPUTS
        and addresses[0].channel is not None
        and len(network.layer("logits", size).shape) == 1
        for network, addresses in zip(networks, targets, strict=True)
    )


def _title(network: Network, address: Address) -> str:
    return named(network, address)


def _depth_in_words(depth: Sequence[float] | float) -> str:
    return ", ".join(f"{share:g}" for share in ([depth] if isinstance(depth, (int, float)) else depth))


def _judge_images(
    networks: Sequence[Network], addresses: Sequence[Address], images: Tensor, columns: int
) -> tuple[tuple[Judged, ...], ...]:
    """What each network makes of all images: [made for][seen by]."""
    seen_by = []
    for network, address in zip(networks, addresses, strict=True):
        scores = unit(network, "logits", (int(images.shape[-2]), int(images.shape[-1])))
        with torch.no_grad():
            values = evaluated(network, scores, images.to(network.device, precision(network)), precise=True)["logits"]
        chances = network.probabilities(values.double()).cpu()
        probabilities = chances[:, int(address.channel)]  # type: ignore[arg-type]
        seen_by.append((probabilities, (chances > probabilities[:, None]).sum(1) < BEST))
    return tuple(
        tuple(
            Judged(float(probabilities[at].mean()), int(best[at].sum())) for probabilities, best in seen_by
        )
        for at in (slice(row * columns, (row + 1) * columns) for row in range(len(networks)))
    )  # fmt: skip
