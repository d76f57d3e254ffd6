"""Opening a network by name, from wherever it comes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ..describing.describing import as_preprocessing
from ..labels import Labels
from ..network import Network
from ..preprocessing import Preprocessing
from ..running.outputs import checked


def load(
    spec: str | os.PathLike[str] | nn.Module | None = None,
    *,
    architecture: Any = None,
    weights: str | None = None,
    labels: Labels | Sequence[str] | None = None,
    preprocessing: Preprocessing | Any = None,
    seed: int = 0,
    classes: int | None = None,
    head: str | None = None,
    device: str | torch.device | None = None,
) -> Network:
    """Opens a network; without a name the embedded EfficientNet-Lite0, trained on ImageNet, which needs no download.

    `spec` is `torchvision:NAME[@WEIGHTS]`, `timm:NAME`, `hf-hub:OWNER/NAME`, `learned:NAME`, a weights file (with
    `architecture`), a folder that transformers' `save_pretrained`, 'phosphene learn' or 'phosphene transfer' wrote, or
    `module:callable`, which returns a module or a `Network`. An `nn.Module` is wrapped as in `Network(module)`. `@none`
    means random weights, drawn from `seed`. `head` says how outputs become probabilities, as in `Network`. Raises
    LookupError for unknown names, for libraries that are not installed, and for weights that are not on this machine
    and can't be downloaded, FileNotFoundError for missing files, ValueError for values that don't fit together.
    """
    from .sources import open_source

    stated_head = checked(head)

    if isinstance(spec, nn.Module):
        named = {"architecture": architecture, "weights": weights, "classes": classes}
        if useless := [name for name, value in named.items() if value is not None]:
            raise ValueError(f"{useless[0]}= has no meaning for a module, which has its weights; leave it out")
        return Network(spec if device is None else spec.to(device), preprocessing, labels, head=stated_head)
    if not (spec is None or isinstance(spec, (str, os.PathLike))):
        raise TypeError(
            f"a network is opened by a text like 'torchvision:resnet18', a path or an nn.Module, not "
            f"{type(spec).__name__}"
        )
    source = open_source(
        None if spec is None else os.fspath(spec),
        architecture=architecture,
        weights=weights,
        labels=labels,
        preprocessing=as_preprocessing(preprocessing),
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
        "head": head,
    }
    opening = {key: value for key, value in opening.items() if value is not None and (key, value) != ("seed", 0)}
    if not (architecture is None or isinstance(architecture, str)):
        opening = {}  # an architecture that only Python code knows
    how: dict[str, Any] = {
        "spec": source.spec,
        "opening": opening,
        "notes": source.notes,
        "head": stated_head or source.head,
    }
    return (source.network or Network)(module, source.preprocessing, source.labels, **how)


def runs_code(
    spec: str, architecture: str | None = None, weights: str | None = None, seed: int = 0, classes: int | None = None,
    head: str | None = None,
) -> str | None:  # fmt: skip
    """The part of an opening that names Python code, which `load` would run; None where only data is read."""
    from .from_file import looks_like_file
    from .from_folder import looks_like_folder
    from .sources import EMBEDDED, GRAPHS, HOG

    catalogues = ("torchvision:", "timm:")
    filled = weights is not None and looks_like_file(weights)  # the spec then names an architecture
    data = spec in (EMBEDDED, HOG) or spec.startswith(catalogues)
    read = (
        spec.startswith("hf-hub:") or spec.lower().endswith(GRAPHS) or looks_like_file(spec) or looks_like_folder(spec)
    )
    data = data or (not filled and read)
    if not data:
        return spec
    return architecture if architecture is not None and not architecture.startswith(catalogues) else None
