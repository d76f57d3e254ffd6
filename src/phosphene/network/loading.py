"""Opening a network by name, from wherever it comes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch

from .labels import Labels
from .network import Network
from .preprocessing import Preprocessing


def load(
    spec: str | os.PathLike[str] | None = None,
    *,
    architecture: Any = None,
    weights: str | None = None,
    labels: Labels | Sequence[str] | None = None,
    preprocessing: Preprocessing | None = None,
    seed: int = 0,
    classes: int | None = None,
    device: str | torch.device | None = None,
) -> Network:
    """Opens a network; without a name the embedded EfficientNet-Lite0, trained on ImageNet, which needs no download.

    `spec` is `torchvision:NAME[@WEIGHTS]`, `timm:NAME`, `hf-hub:OWNER/NAME`, a weights file (with `architecture`), or
    `module:callable`. `@none` stands for random weights, drawn from `seed`. Raises LookupError for unknown names and
    for weights that are not on this machine and can't be fetched, FileNotFoundError for files, ValueError for what
    doesn't fit together.
    """
    from .sources import open_source

    source = open_source(
        None if spec is None else os.fspath(spec),
        architecture=architecture,
        weights=weights,
        labels=labels,
        preprocessing=preprocessing,
        seed=seed,
        classes=classes,
    )
    module = source.module if device is None else source.module.to(device)
    opening = {
        "spec": source.spec if spec is None else os.fspath(spec),
        "architecture": architecture,
        "weights": weights,
        "seed": seed,
        "classes": classes,
    }
    opening = {key: value for key, value in opening.items() if value is not None and (key, value) != ("seed", 0)}
    if not (architecture is None or isinstance(architecture, str)):
        opening = {}  # an architecture that only Python code knows
    return Network(module, source.preprocessing, source.labels, spec=source.spec, opening=opening, notes=source.notes)
