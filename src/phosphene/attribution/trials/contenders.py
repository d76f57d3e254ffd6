"""What is put to a test: methods by their names, and three baselines that know nothing of the network.

    random   independent noise, the same for images of one size
    edges    the photo's own edges: the magnitude of Sobel's gradient of its brightness
    centre   a Gaussian in the middle of the image, a quarter of its size wide

A method that is not better than a baseline has not shown that it knows more than the baseline. Edges matter most: they
are what a method shows that draws the photo instead of the network's reasons (J. Adebayo et al., 2018).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...instrument.roles import Target
from ...instrument.texts import specs
from ...network import Network
from ..maps.attribution import Attribution
from ..maps.methods import METHODS, Method, method
from ..maps.signal import Signal

SLOW = ("occlusion", "score_cam", "integrated_gradients", "smooth_grad", "var_grad", "rise")  # many passes an image


@dataclass(frozen=True)
class Contender:
    """A method or a baseline: `maps` (N, H, W) for the network's inputs (N, C, H, W)."""

    spec: str
    name: str
    attribute: Method | None  # None for a baseline
    draw: Callable[[Tensor, int], Tensor] | None = None

    @property
    def baseline(self) -> bool:
        return self.attribute is None

    def result(self, network: Network, x: Tensor, target: Target) -> Attribution:
        """The method's own result; only of methods."""
        assert self.attribute is not None
        return self.attribute(network, x, target)

    def maps(self, network: Network, x: Tensor, target: Target, seed: int = 0) -> Tensor:
        if self.attribute is not None:
            return self.attribute(network, x, target).maps.detach()
        assert self.draw is not None
        return self.draw(x, seed)


def noise(x: Tensor, seed: int) -> Tensor:
    """Independent numbers in [0, 1), (N, H, W); every image of the batch has the same."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(x.shape[-2:], generator=generator, dtype=torch.float64).to(x).expand(len(x), -1, -1)


def edges(x: Tensor, seed: int = 0) -> Tensor:
    """The magnitude of Sobel's gradient of the mean over the channels, (N, H, W)."""
    grey = F.pad(x.detach().mean(1, keepdim=True), [1] * 4, mode="replicate")
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]).to(x)
    slopes = F.conv2d(grey, torch.stack([across, across.T])[:, None])
    return slopes.norm(dim=1)


def centre(x: Tensor, seed: int = 0) -> Tensor:
    """A Gaussian in the middle, (N, H, W)."""
    rows, columns = (torch.linspace(-2, 2, n, device=x.device, dtype=x.dtype) for n in x.shape[-2:])
    return torch.exp(-(rows[:, None] ** 2 + columns**2) / 2).expand(len(x), -1, -1)


BASELINES: dict[str, tuple[str, Callable[[Tensor, int], Tensor]]] = {
    "random": ("random map", noise),
    "edges": ("edges of the photo", edges),
    "centre": ("centre of the image", centre),
}


def contenders(methods: str | Sequence[str] | None) -> list[Contender]:
    """The methods that the texts name, or all but the slow ones; one text may name several, with commas between them.

    A comma may also stand between the options of a method: 'occlusion:window=48,stride=24,guided' are two. Raises
    LookupError for a name that is not there and ValueError where a name stands twice or none does.
    """
    if methods is None:
        methods = [name for name in METHODS if name not in SLOW]
    result: list[Contender] = []
    for spec in specs([methods] if isinstance(methods, str) else methods):
        if spec in BASELINES:
            raise ValueError(f"{spec!r} is a baseline, which stands beside the methods in any case; leave it out")
        one = method(spec)
        if any(str(one) == other.name for other in result):
            raise ValueError(f"the method {spec!r} is named twice; name it once")
        result.append(Contender(spec, str(one), one))
    if not result:
        raise ValueError(f"no method was named; the methods are {', '.join(METHODS)}")
    return result


def baselines() -> list[Contender]:
    return [Contender(spec, name, None, draw) for spec, (name, draw) in BASELINES.items()]


def with_signs(result: Attribution) -> Tensor:
    """Maps (N, H, W) that keep the sign, where the method has one: a signal's sum over its channels."""
    return result.values.sum(1) if isinstance(result, Signal) else result.maps


def attempt(contender: Contender, work: Callable[..., Any], *arguments: Any) -> tuple[Any, str | None]:
    """What `work(*given)` gives, or the sentence by which the method refuses this network."""
    try:
        return work(*arguments), None
    except (LookupError, ValueError, TypeError) as error:
        if contender.baseline:
            raise
        return None, str(error.args[0] if error.args else error)
