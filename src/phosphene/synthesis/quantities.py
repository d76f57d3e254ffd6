"""Five things that can be asked of one network, side by side, and why probabilities are the poor choice.

A neuron, its channel (the mean over places), its layer (the mean square of all), a class's score S_c and its
probability p_c are each raised by the same recipe, and all five are measured in every image. A probability can be
raised by lowering all other classes, which says little of the class (K. Simonyan et al., 2014, section 2), and it is
flat at both of its ends:

    dp_c / dx = p_c (dS_c / dx - sum over k of p_k dS_k / dx)

At the start p_c is about one over the number of classes, at the end 1 - p_c is nothing, and with it what drives the
image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..instrument import Result, instrument
from ..instrument.roles import ClassName, UnitName
from ..network import Network
from ..picture import Block, DrawingBlock, Photo, Row, Sheet, Table, capital, compact, counted, grid
from ..picture.chart import over_steps
from .class_image import class_number, final_parts
from .engine.answers import LOGITS, in_words
from .engine.ascent import evaluated
from .engine.named import Priors, Transforms
from .engine.objectives import IMAGES, Objective, Size, unit
from .engine.options import generator, input_size, precision, seen_images, step_count
from .engine.recipes import RecipeName, followed, recipe_of
from .engine.settings import variant
from .engine.stepping import current_images
from .engine.synthesis import WIDTH, pixels, tiled

ASKED = ("neuron", "channel", "layer", "score", "probability")


@dataclass(frozen=True, eq=False, kw_only=True)
class Quantities(Result):
    """Images of a neuron, a channel, a layer, a class's score and its probability, with all five measured in each."""

    network: str
    addresses: tuple[str, ...]  # of the five
    label: str
    images: Tensor = field(repr=False)  # (5, 3, H, W) in [0, 1]; grey where not begun
    values: Tensor  # (5, 5): in the image of row i what column j measures; NaN where not begun
    start: Tensor  # (5,): before the first step
    natural: Tensor | None  # (5,): in the photo, where one was given
    ways: dict[str, Tensor] = field(repr=False)  # 'score' and 'probability', asked for each, at each step (2, steps)
    gradients: Tensor  # (2, 2): lengths of the gradient of score and probability, at the start and in the last image
    how: str
    step: int
    steps: int
    seed: int

    @property
    def progress(self) -> str:
        begun = int(torch.isfinite(self.values[:, 0]).sum())
        return f"{ASKED[max(begun - 1, 0)]}, {begun} of {len(ASKED)}"

    def frame(self) -> np.ndarray:
        return grid(pixels(self.images), scale=1).pixels

    def sheet(self) -> Sheet:
        """The five images, what each measures, and how score and probability went."""
        labels = [f"{name}: {compact(float(self.values[i, i]))}" for i, name in enumerate(ASKED)]
        names = (f"score of {self.label}", "its probability")
        header = ("image made for", "address", "neuron", "channel", "layer", *names)
        rows = [(name, self.addresses[i], *self.values[i].tolist()) for i, name in enumerate(ASKED)]
        rows.append(("the start, noise", "", *self.start.tolist()))
        if self.natural is not None:
            rows.append(("the photo", "", *self.natural.tolist()))
        lengths = [(name, *self.gradients[i].tolist()) for i, name in enumerate(names)]
        plots = [
            DrawingBlock(
                over_steps(list(self.ways[kind].numpy()), ("score asked", "probability asked"), up=name, width=400)
            )
            for kind, name in zip(("score", "probability"), names, strict=True)
            if kind in self.ways
        ]
        blocks: list[Block] = [tiled(self.images, labels, 5), Table(header, rows)]
        if plots:
            table = Table(("length of the gradient of", "at the start", "in its own image"), lengths)
            blocks += [Row([*plots]), table]
        height, width = self.images.shape[-2:]
        stopped = "" if self.step == self.steps else f", stopped after {self.step} of {self.steps}"
        caption = (
            f"{capital(self.how)}; {height} × {width} px, {counted(self.steps // len(ASKED), 'step')} each{stopped}, "
            f"seed {self.seed}. Values are of the images as they are; those on the way under the recipe's transforms. "
            "Colours as they are, in [0, 1]."
        )
        heading = "The same network, asked for five things"
        return Sheet(
            heading,
            self.network,
            blocks,
            caption=caption,
            width=WIDTH + 96,
            description=f"{self.network}: {heading}; {caption}",
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "asked": dict(zip(ASKED, self.addresses, strict=True)),
            "label": self.label,
            "values": self.values.tolist(),
            "start": self.start.tolist(),
            "natural": None if self.natural is None else self.natural.tolist(),
            "ways": {name: way.tolist() for name, way in self.ways.items()},
            "gradients": self.gradients.tolist(),
            "seed": self.seed,
        }


@instrument
def quantities(
    network: Network,
    channel: UnitName,
    label: ClassName,
    *,
    natural: Photo | None = None,
    recipe: RecipeName = "fourier",
    size: int | tuple[int, int] | None = None,
    steps: int = 128,
    seed: int = 0,
    priors: Priors | None = None,
    transforms: Transforms | None = None,
) -> Iterator[Quantities]:
    """Images that maximise a neuron, a channel, a layer, a class score and a probability; each measured by all five.

    Raises LookupError for a channel or a class that does not exist, ValueError for an address without a channel.

    - `channel`: a channel, such as 'blocks.3:17', or one neuron of it; without a place, the neuron in the middle
    - `label`: the class, by its name or its number
    - `natural`: a photo in which the five values are measured too
    - `recipe`: how images are made
    - `size`: the image's side in pixels, or height and width; the network's usual input if not given
    - `steps`: how many steps of gradient ascent to take for each of the five
    - `seed`: seed of the start and the transforms; the same seed gives the same images
    - `priors`: priors instead of the recipe's, such as tv:0.05, or none; as for synthesize
    - `transforms`: transforms instead of the recipe's, such as jitter:16, or none; as for synthesize
    """
    rule, shape = variant(recipe_of(recipe), priors, transforms), input_size(network, size)
    steps = step_count(steps)
    addresses = five(network, channel, label, shape)
    objectives = [unit(network, address, shape) for address in addresses]
    watched = objectives[3] + objectives[4]
    everything = objectives[0] + objectives[1] + objectives[2] + watched
    index = class_number(network, label, shape)
    # what is filled in row by row: an image, all five values, two histories and gradients
    images = torch.full((5, 3, *shape), 0.5)
    values = torch.full((5, 5), torch.nan)
    ways = {kind: torch.full((2, steps), torch.nan) for kind in ASKED[3:]}
    begun = rule.start(1, shape, generator(seed)).to(network.device, precision(network))
    gradients = torch.full((2, 2), torch.nan)
    gradients[:, 0] = torch.stack([gradient_length(network, aim, current_images(begun)) for aim in objectives[3:]])
    start = measured(network, everything, current_images(begun))
    fields: dict[str, Any] = {
        "network": network.name,
        "addresses": tuple(addresses),
        "label": in_words(network, index),
        "start": start,
        "natural": None if natural is None else measured(network, everything, seen_images(network, natural)),
        "how": rule.how,
        "steps": 5 * steps,
        "seed": seed,
    }
    # an ascent for each quantity; the two of the class are watched while they are raised
    for row, aim in enumerate(objectives):
        both = aim if row < 3 else aim + 0.0 * watched
        _, image, moments = followed(network, both, rule, 1, shape, steps=steps, seed=seed)
        for moment in moments:
            images, values, gradients = images.clone(), values.clone(), gradients.clone()
            images[row], values[row, row] = moment.images[0].cpu(), moment.parts[aim.name][0].cpu()
            if row >= 3:
                ways = {kind: way.clone() for kind, way in ways.items()}
                for kind, one in zip(ASKED[3:], objectives[3:], strict=True):
                    ways[kind][row - 3, moment.step - 1] = moment.parts[one.name][0].cpu()
            # after the last step the image is measured as it is
            if moment.step == steps:
                final = current_images(image)
                images[row], values[row] = final[0].cpu(), measured(network, everything, final)
                if row >= 3:
                    gradients[row - 3, 1] = gradient_length(network, aim, final)
            yield Quantities(images=images, values=values, ways=ways, gradients=gradients,
                             step=row * steps + moment.step, **fields)  # fmt: skip


def five(network: Network, channel: str, label: str | int, size: Size) -> list[str]:
    """The addresses of a neuron, its channel, its layer, a class's score and its probability."""
    address = network.address(channel, size)
    if address.channel is None or address.layer in (LOGITS, "probabilities") or address.token is not None:
        raise ValueError(f"{channel!r} names no channel of a layer; write e.g. 'blocks.3:17'")
    _, rows, columns = network.layer(address.layer, size).maps_shape
    row, column = address.place or (rows // 2, columns // 2)
    whole = f"{address.layer}:{address.channel}"
    index = class_number(network, label, size)
    return [f"{whole}@{row},{column}", whole, address.layer, f"{LOGITS}:{index}", f"probabilities:{index}"]


def measured(network: Network, objective: Objective, images: Tensor) -> Tensor:
    """Each of the objective's terms (terms,) in the first of the images."""
    parts = final_parts(network, objective, images[:1])
    return torch.stack([parts[term.name][0] for _, term in objective.terms])


def gradient_length(network: Network, aim: Objective, images: Tensor) -> Tensor:
    """The L2 norm of the gradient of what is asked for the pixels of the first of the images.

    ValueError where no gradient comes back.
    """
    with torch.inference_mode(False), torch.enable_grad():
        x = images[:1].clone().requires_grad_()
        score = aim.score(evaluated(network, aim, x, precise=True) | {IMAGES: x})
        gradient = torch.autograd.grad(score.sum(), x, allow_unused=True)[0] if score.requires_grad else None
    if gradient is None:
        raise ValueError(f"no gradient comes back from {aim.name}: {network.name} keeps none there")
    return gradient.norm().cpu()
