"""Features: what a network's layer of scores reads, one vector an image. Computed once, they serve every step."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from ...network import Network
from ...network.heads import noise
from ...network.running.outputs import main_tensor, per_image
from ...network.running.recording import Call, recorded
from ...network.running.seam import OUTPUT
from .head import BEHIND, CLOSE, ScoreLayer, features_of, head_of, set_head


def features_and_scores(module: nn.Module, layer: ScoreLayer, x: Tensor) -> tuple[Tensor, Tensor]:
    """The features (N, features) and the scores (N, classes) of the network's inputs (N, C, H, W)."""
    name = layer.name or BEHIND
    call = Call(name)
    output = main_tensor(recorded(module, x, {name, OUTPUT}, call=call)[OUTPUT])
    rows = None if output is None else per_image(output, len(x))
    assert rows is not None  # of a network whose layer of scores is known
    return features_of(call.input, head_of(module, layer)), rows


def features(module: nn.Module, layer: ScoreLayer, x: Tensor) -> Tensor:
    """The features alone; the network runs no further."""
    name = layer.name or BEHIND
    call = Call(name)
    recorded(module, x, {name}, call=call)
    return features_of(call.input.detach(), head_of(module, layer))


def scores(module: nn.Module, x: Tensor) -> Tensor:
    """The network's scores (N, classes); in training, gradients flow."""
    output = main_tensor(module(x))
    rows = None if output is None else per_image(output, len(x))
    if rows is None or rows.ndim != 2:
        raise ValueError("the network gives no score for each class of an image while it trains")
    return torch.as_tensor(rows)


def is_linear(module: nn.Module, layer: ScoreLayer, network: Network) -> bool:
    """Whether its scores, or the logarithms of what it makes of them, are linear in `features_of` what its head reads.

    Then a head learned on features alone is the network's.
    """
    trial = copy.deepcopy(module)
    head = head_of(trial, layer)
    chance = torch.Generator().manual_seed(0)
    weight = head.weight
    assert isinstance(weight, Tensor)
    classes = len(weight)
    drawn = torch.randn(classes, layer.features, generator=chance) / layer.features**0.5
    set_head(head, drawn, torch.randn(classes, generator=chance))
    x = noise((network.channels or 3, *network.preprocessing.size)).to(network.device, weight.dtype)
    with torch.no_grad():
        values, scores = features_and_scores(trial, layer, x)
        biases = head.bias
        assert isinstance(biases, Tensor)
        linear = values @ weight.reshape(classes, -1).T + biases
    if scores.shape != (len(x), classes):
        return False
    if network.head == "probabilities":
        linear, scores = linear.log_softmax(1), scores.log()
    elif network.head == "log-probabilities":
        linear = linear.log_softmax(1)
    if not torch.isfinite(scores).all():
        return True  # nothing can be told here; the photos' own features are looked at later
    return bool(torch.allclose(linear, scores, rtol=CLOSE, atol=CLOSE * float(linear.abs().max())))
