"""Where a path to an image begins: an image that is said to show nothing. Which one is part of the question."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ...network import Network
from ..maps.fills import fill_values_of

BASELINES = ("zero", "black", "white", "mean", "blur", "noise")


def baselines(network: Network, x: Tensor, baseline: Any) -> tuple[list[Callable[[int], Tensor]], str]:
    """For each baseline the function from an image's number to the baseline (1, C, H, W), and their names in words.

    `baseline` is a name, several joined by '+', a tensor, or a list of these. ValueError for one that does not fit the
    images `x` (N, C, H, W).
    """
    if isinstance(baseline, str):
        specs: list[Any] = [part.strip() for part in baseline.split("+")]
    else:
        specs = list(baseline) if isinstance(baseline, (list, tuple)) else [baseline]
    if not specs:
        raise ValueError("no baseline was given; name at least one, such as 'zero'")
    for each in specs:  # all are refused before anything is computed
        _baseline(network, x, each, 0)
    names = [each if isinstance(each, str) else "a given image" for each in specs]
    return [partial(_baseline, network, x, each) for each in specs], " + ".join(names)


def _baseline(network: Network, x: Tensor, spec: Any, index: int) -> Tensor:
    image = x[index : index + 1]
    if isinstance(spec, Tensor):
        if spec.ndim == 4 and len(spec) not in (1, len(x)):
            raise ValueError(f"{len(spec)} baselines don't fit {len(x)} images; give one for all, or one each")
        if not torch.isfinite(spec).all():
            raise ValueError("the baseline holds values that are NaN or infinite; no path begins there")
    elif spec not in BASELINES:
        raise ValueError(f"a baseline is {', '.join(BASELINES)} or a tensor, not {spec!r}")
    elif spec in ("black", "white"):
        if network.preprocessing.channels != x.shape[1]:
            raise ValueError(f"what {spec} is to a network of {x.shape[1]} channels is not known; give a tensor")
        colour = torch.full((1, 3, 1, 1), float(spec == "white"), dtype=x.dtype, device=x.device)
        return network.normalise(colour).expand_as(image)
    return fill_values_of(image, spec, index)
