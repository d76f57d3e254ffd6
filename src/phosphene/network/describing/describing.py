"""What can be known of a module's input and classes without running it; only what is certain, or said in a note.

timm's models carry the configuration of their weights, transformers' theirs and a path to their image processor,
torchvision's detectors their own resizing. A wrapper around such a model counts as the model where it is certain what
it does to the values: `nn.Sequential`, with torchvision's `Normalize` in front or without.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from ..labels import Labels
from ..module import built_size
from ..preprocessing import Preprocessing
from .description import Described
from .of_timm import timm_described
from .of_torchvision import torchvision_described
from .of_transformers import transformers_described
from .processor_settings import is_processor, three

_READERS = (timm_described, transformers_described, torchvision_described)
_AFTER = (nn.Softmax, nn.LogSoftmax, nn.Sigmoid, nn.Identity)  # behind a classifier, they leave its classes in place


def completed(module: nn.Module, preprocessing: Any, labels: Labels | Sequence[str] | None) -> Described:
    """What was given, and what the module says of itself where nothing was.

    `preprocessing` may be an image processor of transformers. Raises TypeError for what is neither.
    """
    way = as_preprocessing(preprocessing)
    stated_labels = labels if isinstance(labels, Labels) or labels is None else Labels(tuple(labels))
    if way is not None and stated_labels is not None:
        return Described(way, stated_labels)
    described = describe(module)
    if way is not None:
        return Described(way, described.labels)
    return replace(described, labels=described.labels if stated_labels is None else stated_labels)


def as_preprocessing(value: Any) -> Preprocessing | None:
    """A `Preprocessing`, None, or that of an image processor of transformers."""
    if value is None or isinstance(value, Preprocessing):
        return value
    if is_processor(value):
        return Preprocessing.from_transformers(value)
    raise TypeError(
        "preprocessing= is a phosphene Preprocessing or an image processor of transformers, not "
        f"{type(value).__name__}; torchvision's weights become one by Preprocessing.from_torchvision(weights)"
    )


def describe(module: nn.Module) -> Described:
    """What the module says of itself."""
    for reader in _READERS:
        described = reader(module)
        if described is not None:
            return described
    if isinstance(module, nn.Sequential) and len(module):
        return _chained(list(module))
    return _around(module)


def _chained(parts: list[nn.Module]) -> Described:
    """A chain that begins with a model that says something of itself, or with `Normalize` before it."""
    normalises = _is_normalize(parts[0])
    first = parts[1] if normalises and len(parts) > 1 else parts[0]
    described = describe(first)
    rest = parts[2:] if normalises else parts[1:]
    if not all(isinstance(part, _AFTER) for part in rest):
        described = replace(described, labels=None)
    if not normalises:
        return described
    way = described.preprocessing or Preprocessing.plain()
    if len(way.mean) != 3:
        return replace(described, preprocessing=None, notes=())
    stated = np.allclose(way.mean, three(parts[0].mean)) and np.allclose(way.std, three(parts[0].std))
    way = replace(way, mean=(0.0,) * 3, std=(1.0,) * 3, scale=1.0, colour="RGB")
    other = (
        "" if stated or described.preprocessing is None else ", by other numbers than those of the network behind it"
    )
    return replace(described, preprocessing=way, notes=(f"the module normalises by itself{other}, so: {way}",))


def _around(module: nn.Module) -> Described:
    """A module of unknown code around one that says something: its size where the inner one takes no other."""
    inside = [
        (name, described)
        for name, child in module.named_children()
        for described in [_first(child)]
        if described is not None
    ]
    if len(inside) != 1:
        return Described()
    name, described = inside[0]
    size = built_size(getattr(module, name))
    way = (
        Preprocessing.plain(size)
        if size and described.preprocessing and described.preprocessing.channels == 3
        else None
    )
    words = (
        f"preprocessing not known, as {type(module).__name__} may normalise by itself, so: {way or 'values in [0, 1]'}"
    )
    return Described(
        way, None, (f"{words}; the settings of its part '{name}' are Network(module.{name}).preprocessing",)
    )


def _first(module: nn.Module) -> Described | None:
    return next((described for reader in _READERS if (described := reader(module)) is not None), None)


def _is_normalize(module: nn.Module) -> bool:
    kind = type(module)
    return kind.__name__ == "Normalize" and kind.__module__.startswith("torchvision.transforms.")
