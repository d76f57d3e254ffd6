"""Tiny networks of every kind that people bring: heads, containers, channels, types, modes, attention.

Each has its input, and in plain PyTorch what it answers: `scores` (N, classes) and `probabilities` of what the module
returns, so that an instrument's numbers can be held against a plain loop. A network without `scores` is no classifier.
"""

from __future__ import annotations

import warnings
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.utils.checkpoint import checkpoint

SIDE = 32
CLASSES = 5


@dataclass(frozen=True)
class Kind:
    """One kind of network: how it is built, and what its answers mean."""

    build: Callable[[], nn.Module]
    scores: Callable[[Any], Tensor] | None = lambda out: out
    probabilities: Callable[[Tensor], Tensor] = lambda scores: scores.softmax(1)
    channels: int = 3
    dtype: torch.dtype = torch.float32
    head: str | None = None  # as a user has to tell it
    classes: int = CLASSES
    steady: bool = True  # the same image gives the same answer each time

    def images(self, count: int = 1) -> Tensor:
        generator = torch.Generator().manual_seed(1)
        return torch.rand(count, self.channels, SIDE, SIDE, generator=generator).to(self.dtype)


class Body(nn.Module):
    """Two convolutions and the mean over places: what most of these networks share."""

    def __init__(self, channels: int = 3, width: int = 8) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(channels, width, 3, 2, 1), nn.Conv2d(width, width, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.second(F.relu(self.first(x)))).mean((2, 3))


class Ending(nn.Module):
    """A body, a linear layer, and whatever the network makes of its scores."""

    def __init__(self, end: Callable[[Tensor], Any] = lambda s: s, classes: int = CLASSES, channels: int = 3) -> None:
        super().__init__()
        self.body, self.fc, self.end = Body(channels), nn.Linear(8, classes), end

    def forward(self, x: Tensor) -> Any:
        return self.end(self.fc(self.body(x)))


@dataclass
class Answer:
    scores: Tensor
    hidden: Tensor


Pair = namedtuple("Pair", "features logits")


class Segmenting(nn.Module):
    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        self.first, self.second, self.last = (
            nn.Conv2d(3, 8, 3, 1, 1),
            nn.Conv2d(8, 8, 3, 1, 1),
            nn.Conv2d(8, classes, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.last(F.relu(self.second(F.relu(self.first(x)))))


class Detecting(nn.Module):
    """Boxes, labels and scores for each image, as torchvision's detectors return them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.conv = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 1, 1), nn.Conv2d(8, 5, 4, 4)

    def forward(self, x: Tensor) -> list[dict[str, Tensor]]:
        maps = self.conv(F.relu(self.second(F.relu(self.first(x))))).flatten(2).transpose(1, 2)
        return [
            {"boxes": each[:, :4].abs(), "labels": torch.arange(len(each)), "scores": each[:, 4].sigmoid()}
            for each in maps
        ]


class Boxes(nn.Module):
    """All boxes of all images in one tensor, whose rows are no images."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.conv = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 1, 1), nn.Conv2d(8, 4, 4, 4)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.conv(F.relu(self.second(F.relu(self.first(x)))))
        return maps.flatten(2).transpose(1, 2).reshape(-1, 4)


class Normed(nn.Module):
    """Batch norms and dropout: left in training mode, as after an epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.second = nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3, 1, 1)
        self.drop, self.fc = nn.Dropout(0.5), nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.drop(F.relu(self.second(F.relu(self.norm(self.first(x))))).mean((2, 3))))


class Spectral(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = spectral_norm(nn.Conv2d(3, 8, 3, 2, 1)), nn.Conv2d(8, 8, 3, 1, 1)
        self.fc = spectral_norm(nn.Linear(8, CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.relu(self.second(F.relu(self.first(x)))).mean((2, 3)))


class Checkpointed(nn.Module):
    def __init__(self, reentrant: bool) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 1, 1)
        self.fc, self.reentrant = nn.Linear(8, CLASSES), reentrant

    def forward(self, x: Tensor) -> Tensor:
        part = lambda maps: F.relu(self.second(maps))  # noqa: E731
        return self.fc(checkpoint(part, F.relu(self.first(x)), use_reentrant=self.reentrant).mean((2, 3)))


class Dropping(nn.Module):
    """A dropout that is always on: each run answers otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.fc = Body(), nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.dropout(self.body(x), 0.5))


class Coupled(nn.Module):
    """A batch norm without running statistics: an image's answer hangs on the others in its batch."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8, track_running_stats=False)
        self.second, self.fc = nn.Conv2d(8, 8, 3, 1, 1), nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.relu(self.second(F.relu(self.norm(self.first(x))))).mean((2, 3)))


class Pooling(nn.Module):
    """Attention pooling by a learned query."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.query = nn.Conv2d(3, 8, 4, 4), nn.Parameter(torch.randn(1, 1, 8))
        self.key, self.fc = nn.Linear(8, 8), nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        tokens = F.relu(self.patches(x)).flatten(2).transpose(1, 2)
        query = self.key(self.query.expand(len(x), -1, -1))
        return self.fc(((query @ tokens.transpose(1, 2)).softmax(-1) @ tokens)[:, 0])


class Block(nn.Module):
    """A transformer block, with separate or joint projections to query, key and value."""

    def __init__(self, width: int, joint: bool) -> None:
        super().__init__()
        self.norm1, self.norm2, self.out = nn.LayerNorm(width), nn.LayerNorm(width), nn.Linear(width, width)
        self.joint = nn.Linear(width, 3 * width) if joint else None
        if not joint:
            self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm1(x)
        q, k, v = self.joint(h).chunk(3, -1) if self.joint is not None else (self.q(h), self.k(h), self.v(h))
        attended = F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0]
        x = x + self.out(attended)
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    def __init__(self, joint: bool, width: int = 16) -> None:
        super().__init__()
        self.patches, self.cls = nn.Conv2d(3, width, 8, 8), nn.Parameter(torch.randn(1, 1, width))
        self.blocks = nn.Sequential(Block(width, joint), Block(width, joint))
        self.norm, self.fc = nn.LayerNorm(width), nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), -1, -1), x], 1)
        return self.fc(self.norm(self.blocks(x))[:, 0])


class Compiled(nn.Module):
    """A part inside torch.compile."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.fc = torch.compile(Body(), backend="eager"), nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.body(x))


class Scripted(nn.Module):
    """A part in TorchScript, whose inside can't be seen."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.fc = nn.Conv2d(3, 8, 3, 2, 1), nn.Linear(8, CLASSES)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.second = torch.jit.script(nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1), nn.ReLU()))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.second(F.relu(self.first(x))).mean((2, 3)))


def _given(scores: Tensor) -> Tensor:
    return scores


def _answers(x: Tensor) -> Answer:
    return Answer(x, x.detach())


KINDS: dict[str, Kind] = {
    "softmax over classes": Kind(Ending),
    "one logit": Kind(lambda: Ending(classes=1), probabilities=torch.sigmoid, classes=1),
    "one number an image": Kind(
        lambda: Ending(lambda s: s[:, 0], classes=1), lambda out: out[:, None], probabilities=torch.sigmoid, classes=1
    ),
    "several labels": Kind(Ending, probabilities=torch.sigmoid, head="sigmoid"),
    "ends in a softmax": Kind(lambda: Ending(lambda s: s.softmax(1)), probabilities=_given),
    "ends in a sigmoid": Kind(lambda: Ending(torch.sigmoid), probabilities=_given),
    "ends in a log-softmax": Kind(lambda: Ending(lambda s: s.log_softmax(1)), probabilities=torch.exp),
    "a mean of two softmaxes": Kind(
        lambda: Ending(lambda s: (s.softmax(1) + (2 * s).softmax(1)) / 2), probabilities=_given
    ),
    "one row too many": Kind(lambda: Ending(lambda s: s[:, None]), lambda out: out[:, 0]),
    "classes as maps of one place": Kind(lambda: Ending(lambda s: s[..., None, None]), lambda out: out[..., 0, 0]),
    "a dict": Kind(lambda: Ending(lambda s: {"logits": s, "hidden": s.detach()}), lambda out: out["logits"]),
    "a dataclass": Kind(lambda: Ending(_answers), lambda out: out.scores),
    "a named tuple": Kind(lambda: Ending(lambda s: Pair(s[:, :2], s)), lambda out: out.logits),
    "a tuple": Kind(lambda: Ending(lambda s: (s, s[:, :2])), lambda out: out[0]),
    "maps": Kind(Segmenting, None),
    "maps of one class": Kind(lambda: Segmenting(1), None, classes=1),
    "boxes in dicts": Kind(Detecting, None),
    "boxes in a tensor": Kind(Boxes, None),
    "1 channel": Kind(lambda: Ending(channels=1), channels=1),
    "2 channels": Kind(lambda: Ending(channels=2), channels=2),
    "4 channels": Kind(lambda: Ending(channels=4), channels=4),
    "6 channels": Kind(lambda: Ending(channels=6), channels=6),
    "float16": Kind(lambda: Ending().half(), dtype=torch.float16),
    "bfloat16": Kind(lambda: Ending().bfloat16(), dtype=torch.bfloat16),
    "float64": Kind(lambda: Ending().double(), dtype=torch.float64),
    "training mode": Kind(lambda: Normed().train()),
    "spectral norm in training mode": Kind(lambda: Spectral().train()),
    "checkpointed": Kind(lambda: Checkpointed(False)),
    "checkpointed, re-entrant": Kind(lambda: Checkpointed(True)),
    "a compiled part": Kind(Compiled),
    "a scripted part": Kind(Scripted),
    "dropout that is always on": Kind(Dropping, steady=False),
    "a norm over the batch": Kind(Coupled),
    "attention pooling by a learned query": Kind(Pooling),
    "attention with separate projections": Kind(lambda: Transformer(joint=False)),
    "attention with joint projections": Kind(lambda: Transformer(joint=True)),
}


def built(kind: Kind) -> nn.Module:
    """The network, the same each time, with weights that tell classes apart."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = kind.build()
        with torch.no_grad():
            for parameter in module.parameters():
                if parameter.ndim > 1:
                    parameter.mul_(2)
    training = isinstance(module, (Normed, Spectral))
    return module.train(training)
