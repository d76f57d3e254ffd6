"""Class activation maps: which places a score was added up from (B. Zhou et al., CVPR 2016).

Where a network ends in global average pooling and a linear layer, a class's score S is a mean over the places (x, y)
of the last maps f:

    S = b + mean over x, y of M(x, y),        M(x, y) = Σ_k w_k f_k(x, y)                               (eq. 2)

M is the map, and b is what the network answers where f is zero: its mean and b are the score, which is checked, up to
rounding. Whether a network ends like that is not read off the names of its modules but found by running it: the
gradient of S by f must be the same at all places, it may not change from one image to another, and the maps must add up
to the scores of all of them. Any head that is pooling and a linear map passes, however it is written and in either
order (SqueezeNet pools the classes' own maps); any other is refused.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

from ...instrument import instrument
from ...instrument.roles import Images, Target
from ...network import Network
from ...network.running.rules import ACTIVATIONS
from ...network.running.zeroed import zeroed
from ..maps.attribution import photo_fields
from ..maps.targets import Question, questions
from .class_map import ClassMap, stretched
from .grids import Grid, between, grids, last_grid
from .stream import first_name

TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4}  # of the largest number; 2e-2 for half precision
LEAST = 0.1  # standard deviation of noise that probes a network whose inputs are of the order of 1


class NoMeanError(ValueError):
    """The value asked about is no mean over places of a linear map: it has no class activation map."""


@instrument
def cam(network: Network, images: Images, target: Target = None) -> ClassMap:
    """Class activation maps: how much each place adds to a class score, for networks that end in a mean over places.

    `raw` (N, h, w) is the map on the grid of the last maps. Its mean plus `bias` (N,), the score for maps of zeros, is
    the score up to rounding. `values` (N, H, W) is the map enlarged to the input's size. Negative values are evidence
    against the class. Raises ValueError if the score is not a mean over places, as for probabilities and for networks
    with other heads (VGG, vision transformers, ConvNeXt); use `grad_cam` for those.

    - `target`: a class, such as 'logits:goose', or several; if not given, each image's best class
    """
    x = network.inputs(images).detach()
    question = questions(network, x, target)
    if question.layer == "probabilities":
        logits_name = str(question.addresses[0]).replace("probabilities", "logits")
        raise NoMeanError(f"a probability is no sum over places, a score is; ask for '{logits_name}', or use grad_cam")
    layer, raw, bias, scores = class_maps(network, x, question)
    size = (int(x.shape[-2]), int(x.shape[-1]))
    return ClassMap(
        method=f"class activation map at {layer}", targets=question.names, scores=scores, raw=raw, bias=bias,
        values=stretched(raw, size), both_signs=True, layer=layer, **photo_fields(network, images),
    )  # fmt: skip


def class_maps(network: Network, x: Tensor, question: Question) -> tuple[str, Tensor, Tensor, Tensor]:
    """The layer, the maps M (B, h, w), the biases (B,) and the scores (B,). ValueError where there are none."""
    steady = network.steadiness((int(x.shape[-2]), int(x.shape[-1])))
    steady.insist(network.name, question.layer, "a class activation map sums to one score")
    grid, scores = last_grid(network, x, question)
    layer = grid.layer
    weights = _weights(grid)
    if weights is None:
        raise _refusal(network, f"the score does not take all places of {layer} alike")
    if bend := _bend(network, x, layer, question.layer):
        raise _refusal(network, f"a {bend} follows {layer}")
    raw = (weights[:, :, None, None] * grid.maps).sum(1)
    bias = zeroed(network, x[:1], first_name(network, x, question, layer), question.layer).flatten(1)[0, grid.at]
    tolerance = TOLERANCE.get(x.dtype, 2e-2)
    for image in (x, *_probes(x)):
        (other,), values = ([grid], scores) if image is x else grids(network, image, question, [layer])
        again = _weights(other)
        parts = None if again is None else again[:, :, None, None] * other.maps
        if (
            parts is None
            or again is None
            or float((again - weights).abs().max()) > tolerance * float(weights.abs().max())
        ):
            raise _refusal(network, f"something that is not linear follows {layer}")
        size = max(float(values.abs().max()), float(scores.abs().max()), float(parts.abs().sum(1).mean((1, 2)).max()))
        if float((values - parts.sum(1).mean((1, 2)) - bias).abs().max()) > tolerance * size:
            raise _refusal(network, f"something that is not linear follows {layer}")
    return layer, raw, bias, scores


def _weights(grid: Grid) -> Tensor | None:
    """The weights w (B, C) of a mean over places; None where places count differently or not at all."""
    mean = grid.gradients.mean((2, 3))
    largest = float(grid.gradients.abs().max())
    spread = float((grid.gradients - mean[:, :, None, None]).abs().max())
    if largest == 0 or spread > TOLERANCE.get(mean.dtype, 2e-2) * largest:
        return None
    return mean * grid.gradients[0, 0].numel()


def _probes(x: Tensor) -> tuple[Tensor, Tensor]:
    """Other images: noise as strong as the first, also where that is one colour, and the first turned over."""
    noise = torch.randn(x[:1].shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return noise.to(x) * x[:1].std().clamp(min=LEAST) + x[:1].mean(), -x[:1].flip(-1)


def _bend(network: Network, x: Tensor, layer: str, target: str) -> str | None:
    """An activation function between the layer and the target. Small numbers, as random weights make them, may hide
    that it bends."""
    words_by_name = {name.replace("_", ""): words for name, words in ACTIVATIONS.items()}
    met = [re.sub(r"(kernel)?backward\d*$", "", name.lower()) for name in between(network, x, layer, target)]
    return next((words for name, words in words_by_name.items() if name in met), None)


def _refusal(network: Network, why: str) -> NoMeanError:
    return NoMeanError(
        f"cam needs a network that ends in global average pooling and a linear layer; in {network.name} {why}: use "
        "grad_cam"
    )
