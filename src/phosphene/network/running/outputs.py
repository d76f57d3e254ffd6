"""What a network's output says: the tensor that holds its scores, and how scores become probabilities.

A network may return a tensor, a dict, a dataclass or a tuple; its scores may have dimensions of size 1 too many, or be
a single logit. Scores become probabilities by one of four *heads*:

    softmax             p_c = exp(s_c) / sum over k of exp(s_k)     scores of classes of which one is right
    sigmoid             p_c = 1 / (1 + exp(-s_c))                   each score a yes or no of its own; a single logit
    probabilities       p_c = s_c                                   the network ends in a softmax or sigmoid itself
    log-probabilities   p_c = exp(s_c)                              it ends in their logarithm

Which one it is can be read off how the output was computed (`lineage`), but for several labels on one image: such
networks return plain scores, and only their owner knows. A Network is told by `head="sigmoid"`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor

Head = Literal["softmax", "sigmoid", "probabilities", "log-probabilities"]
HEADS: tuple[str, ...] = get_args(Head)
_MAIN = ("logits", "out", "scores")  # of several results by name, the one that answers; else the first
_SMALLEST = 1e-38  # a probability that float32 can just hold, whose logarithm stands for that of 0


def checked(head: str | None) -> Head | None:
    """The head, if it is one. ValueError if not."""
    if head is not None and head not in HEADS:
        raise ValueError(f"a head is {', '.join(HEADS[:-1])} or {HEADS[-1]}, not {head!r}")
    return cast(Head | None, head)


def probabilities(scores: Tensor, head: str) -> Tensor:
    """The probabilities of scores (N, classes, ...), of the same shape; differentiable."""
    if head == "softmax":
        return scores.softmax(1)
    if head == "sigmoid":
        return scores.sigmoid()
    return scores.exp() if head == "log-probabilities" else scores


def log_probabilities(scores: Tensor, head: str) -> Tensor:
    """Their logarithms, as precise as the scores allow; differentiable."""
    if head == "softmax":
        return scores.log_softmax(1)
    if head == "sigmoid":
        return torch.nn.functional.logsigmoid(scores)
    return scores if head == "log-probabilities" else scores.clamp(min=_SMALLEST).log()


def main_tensor(value: Any) -> Tensor | None:
    """The tensor that a value is or, of several results, the one that answers: logits before anything else.

    None where it holds no tensor, and for a list with a dict for each image, as detectors return: no one of its tensors
    answers for the images.
    """
    if isinstance(value, Tensor):
        return value
    named = _named(value)
    for key in _MAIN:
        part = named[key] if key in named else getattr(value, key, None)
        if isinstance(part, Tensor):
            return part
    parts = list(named.values() if named else value if isinstance(value, (tuple, list)) else ())
    if isinstance(value, (tuple, list)) and parts and all(isinstance(part, Mapping) for part in parts):
        return None
    return next((tensor for part in parts if (tensor := main_tensor(part)) is not None), None)


def tensors_in(value: Any) -> list[Tensor]:
    """The tensors in a function's arguments or results, in tuples, lists and dicts too."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (tuple, list)):
        return [tensor for part in value for tensor in tensors_in(part)]
    if isinstance(value, dict):
        return [tensor for part in value.values() for tensor in tensors_in(part)]
    return []


def holds_tensor(value: Any) -> bool:
    """Whether there is any tensor in it, at whatever depth."""
    parts = _named(value).values() or (value if isinstance(value, (tuple, list)) else ())
    return isinstance(value, Tensor) or any(holds_tensor(part) for part in parts)


def _named(value: Any) -> Mapping[str, Any]:
    """The results of a value by name: of a dict, a dataclass or a named tuple."""
    if isinstance(value, Mapping):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, value, strict=True))
    return {}


def per_image(value: Tensor, images: int) -> Tensor | None:
    """An output with a row for each image and no dimensions of size 1 to spare: scores are (N, classes).

    A single number an image becomes (N, 1); a network that squeezes away its batch of one gets it back. None where the
    output has not one row an image, as a list of boxes.
    """
    if value.ndim == 0 or (value.ndim == 1 and images == 1 and len(value) != 1):
        value = value[None]
    if len(value) != images:
        return None
    if value.ndim < 2:
        return value[:, None]
    sizes = [size for size in value.shape[1:] if size != 1]
    return value.reshape(images, *sizes) if len(sizes) == 1 else value.reshape(images, 1) if not sizes else value


def described(value: Any) -> str:
    """What a network returned, in words: 'a tensor of 100 × 4', 'a list of dicts of boxes, labels, scores'."""
    if isinstance(value, Tensor):
        return f"a tensor of {' × '.join(map(str, value.shape))}" if value.ndim else "a single number"
    if named := _named(value):
        kind = "dict" if isinstance(value, dict) else type(value).__name__
        return f"a {kind} of {', '.join(map(str, list(named)[:6]))}"
    if isinstance(value, (tuple, list)):
        kind = type(value).__name__
        if value and isinstance(value[0], Mapping):
            return f"a {kind} of dicts of {', '.join(map(str, list(value[0])[:6]))}"
        return f"a {kind} of {len(value)}" if value else f"an empty {kind}"
    return "nothing" if value is None else f"a {type(value).__name__}"
