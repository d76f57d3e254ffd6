"""Where a network's class scores come from: the layer that is exchanged for one with other classes.

That layer is told by what it does, not by its name, so that it is the same search for any network. Its value is
replaced by numbers c_k, one a channel, the same for two different images. It is the one if

    1. both images get the same scores: all that the scores say of an image passes through it, and
    2. moving the numbers by one channel moves the scores by one class: each class has a channel of its own.

A network that ends in features, with no layer of scores, gets one behind them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...network import Network
from ...network.answers import no_classifier, no_scores
from ...network.heads import noise
from ...network.running.outputs import main_tensor, per_image
from ...network.running.recording import NotComputedError, recorded
from ...network.running.replacing import replaced
from ...network.running.seam import OUTPUT
from ...network.running.unseen import UnseenError
from ...network.running.weights import plain_copy

SCORING = frozenset("linear addmm matmul mm bmm conv2d einsum".split())  # functions that make scores
JOINING = frozenset("add truediv div mul mean sum".split())  # functions that join the scores of several layers
ACTIVATIONS = (nn.ReLU, nn.ReLU6)  # after the scores, as in SqueezeNet: they would cut off negative ones
BEHIND = "head"  # of a network that ends in features
CLOSE = 1e-4  # relative: float rounding of sums in another order


class Headed(nn.Module):
    """A network that ends in features, and a layer of scores behind them; maps are averaged over their places."""

    def __init__(self, body: nn.Module, features: int, classes: int) -> None:
        super().__init__()
        self.body, self.head = body, nn.Linear(features, classes)

    def forward(self, x: Tensor) -> Tensor:
        value = main_tensor(self.body(x))
        assert value is not None
        return self.head(value.flatten(2).mean(2) if value.ndim > 2 else value.flatten(1))


@dataclass(frozen=True)
class ScoreLayer:
    """The layer that is exchanged: its name, its class, and how many features it reads.

    Without a name it is one behind all others.
    """

    name: str
    kind: str
    features: int
    after: tuple[str, ...] = ()  # activations behind it, which are taken out


def score_layer(network: Network) -> ScoreLayer:
    """The layer that the network's class scores come from.

    ValueError, with a sentence, for a network whose scores come from no such layer, or that gives none.
    """
    survey, modules = network.survey(), dict(network.module.named_modules())
    x = noise((network.channels or 3, *survey.size)).to(network.device, network.dtype)
    scores = main_tensor(recorded(network.module, x, {OUTPUT})[OUTPUT])
    if scores is None:
        raise ValueError(no_scores(network.name, survey.output))
    rows = per_image(scores, len(x))
    if rows is None:
        raise ValueError(no_classifier(network.name, scores, len(x)))
    names = [layer.name for layer in survey.layers if layer.module and layer.name in modules]
    for kinds in ((nn.Linear, nn.Conv2d), (nn.Identity,)):
        for name in reversed(names):
            part = modules[name]
            if isinstance(part, kinds) and (features := _features(part, rows)) and _gives_scores(network, x, name):
                if rows.ndim != 2:
                    raise ValueError(no_classifier(network.name, rows, len(x)))
                behind = names[names.index(name) + 1 :]
                after = tuple(each for each in behind if isinstance(modules[each], ACTIVATIONS))
                return ScoreLayer(name, type(part).__name__, features, after)
    if survey.last in SCORING and rows.ndim == 2:
        raise ValueError(
            f"the class scores of {network.name} come from the function {survey.last} in its forward, not from a layer "
            "of its own that can be exchanged; make its last step an nn.Linear"
        )
    if rows.ndim == 2 and survey.last in JOINING and len(several := _together(network, x, names, modules, rows)) > 1:
        raise ValueError(
            f"the class scores of {network.name} are joined from those of {len(several)} layers "
            f"({', '.join(several)}), and one alone can be exchanged; open a variant with one layer of scores"
        )
    is_map = rows.ndim == 4 and tuple(rows.shape[2:]) != survey.size  # else it labels pixels
    if not (rows.ndim == 2 or is_map) or rows.shape[1] < 2:
        raise ValueError(no_classifier(network.name, rows, len(x)))
    return ScoreLayer("", "Linear", rows.shape[1])


def with_head(network: Network, layer: ScoreLayer, classes: int) -> nn.Module:
    """A copy of the network's module whose layer of scores is a new one, of zeros, for so many classes."""
    module = plain_copy(network.module).eval()
    result: nn.Module
    head: nn.Module
    if not layer.name:
        headed = Headed(module, layer.features, classes)
        result, head = headed, headed.head
    else:
        result = module
        try:
            old = module.get_submodule(layer.name)
        except AttributeError as error:
            raise ValueError(f"{network.name} has no layer {layer.name!r}, where the class scores come from") from error
        head = (
            nn.Conv2d(layer.features, classes, 1) if isinstance(old, nn.Conv2d) else nn.Linear(layer.features, classes)
        )
        _put(module, layer.name, head)
        for name in layer.after:
            _put(module, name, nn.Identity())
        if isinstance(getattr(module, "num_classes", None), int):
            module.num_classes = classes  # type: ignore[assignment]  # what timm's networks say of themselves
    for weight in head.parameters():
        nn.init.zeros_(weight)
    return result.to(network.device, torch.float64 if network.dtype == torch.float64 else torch.float32).eval()


def head_of(module: nn.Module, layer: ScoreLayer) -> nn.Module:
    """The new layer of scores in what `with_head` made."""
    return module.get_submodule(layer.name or BEHIND)


def set_head(head: nn.Module, weight: Tensor, bias: Tensor) -> None:
    """Gives the layer of scores these weights (classes, features) and biases (classes,)."""
    with torch.no_grad():
        head.weight.copy_(weight.reshape(head.weight.shape))  # type: ignore[operator, arg-type]
        head.bias.copy_(bias)  # type: ignore[operator]


def answers_of(head: nn.Module, features: Tensor) -> Tensor:
    """The class that a layer of scores gives to each of the features (n, features)."""
    weight, bias = head.weight.detach().cpu(), head.bias.detach().cpu()  # type: ignore[operator]
    return (features @ weight.reshape(len(weight), -1).T + bias).argmax(1)


def features_of(value: Tensor, head: nn.Module) -> Tensor:
    """What a layer of scores reads, as one vector an image (N, features): the mean over its places."""
    if isinstance(head, nn.Conv2d):
        return value.flatten(2).mean(2)
    return value.flatten(1, -2).mean(1) if value.ndim > 2 else value


def _features(part: nn.Module, rows: Tensor) -> int | None:
    """How many features a layer reads, where it may be the one: as many channels out as there are scores."""
    if isinstance(part, nn.Linear):
        return part.in_features if part.out_features == rows.shape[1] else None
    if isinstance(part, nn.Conv2d):
        plain = set(part.kernel_size) == {1} and set(part.stride) == {1} and part.groups == 1
        return part.in_channels if plain and part.out_channels == rows.shape[1] else None
    return rows.shape[1] if rows.ndim == 2 else None


def _gives_scores(network: Network, x: Tensor, name: str) -> bool:
    """Whether the scores depend on the image through this layer alone, each class on a channel of its own."""
    chance = torch.Generator().manual_seed(1)

    def scores(by: int) -> Tensor | None:
        def constant(value: Tensor) -> Tensor:
            dimension = 1 if value.ndim == 4 else -1
            count = value.shape[dimension]
            numbers = torch.rand(count, generator=chance.manual_seed(1)).roll(by).to(value)
            numbers = numbers + by if count == 1 else numbers  # a single score can only change
            shape = [1] * value.ndim
            shape[dimension] = -1
            return numbers.view(shape).expand_as(value).clone()

        tensor = main_tensor(replaced(network.module, x, name, constant))
        return None if tensor is None else per_image(tensor, len(x))

    try:
        with torch.no_grad():
            plain, moved = scores(0), scores(1)
    except (NotComputedError, UnseenError, ValueError):
        return False
    if plain is None or moved is None or not torch.equal(plain[0], plain[1]):
        return False
    if torch.equal(plain, moved):
        return False
    scale = float(plain.abs().max()) or 1.0
    return plain.shape[1] == 1 or bool(torch.allclose(plain.roll(1, 1), moved, rtol=0, atol=CLOSE * scale))


def _together(network: Network, x: Tensor, names: list[str], modules: dict[str, nn.Module], rows: Tensor) -> list[str]:
    """The last linear layers of as many channels as there are scores, which the scores hang on one by one."""
    linear = [name for name in names if isinstance(part := modules[name], nn.Linear) and _features(part, rows)]
    plain = main_tensor(recorded(network.module, x, {OUTPUT})[OUTPUT])
    assert plain is not None

    def moved(name: str) -> Tensor | None:
        with torch.no_grad():
            return main_tensor(replaced(network.module, x, name, torch.zeros_like))

    return [name for name in linear[-4:] if (value := moved(name)) is not None and not torch.equal(value, plain)]


def _put(module: nn.Module, name: str, part: Any) -> None:
    above, _, last = name.rpartition(".")
    setattr(module.get_submodule(above), last, part)
