"""Whether a map stays as it is under noise that nobody sees: max-sensitivity.

    max over e of |A(x + e) - A(x)| / |A(x)|,    e uniform in [-radius, radius] for each pixel and channel

(C.-K. Yeh et al., *On the (In)fidelity and Sensitivity of Explanations*, 2019). The maximum is taken over a few draws,
so it is a lower bound, and comparable between methods only at the same number of draws. A map that never changes, as
one that ignores the image, has 0: alone, this number praises nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...network import Network


def max_sensitivity(
    network: Network, x: Tensor, maps: Tensor, attribute: Callable[[Tensor], Tensor], *, radius: float = 0.02,
    draws: int = 4, seed: int = 0,
) -> Tensor:  # fmt: skip
    """The largest change of the maps (N, H, W) of the inputs `x` under noise, as a share of their norm: (N,).

    `attribute` gives the maps of changed inputs. `radius` is a share of the pixels' range from black to white. The
    noise is the same for all methods of a seed. NaN for a map of zeros. ValueError for no draws or no radius.
    """
    if draws < 1 or radius <= 0:
        raise ValueError(f"noise needs at least one draw and a radius above 0, not {draws} and {radius:g}")
    generator = torch.Generator().manual_seed(seed)
    clean_maps = maps.detach().double().nan_to_num().flatten(1)
    most = clean_maps.new_zeros(len(clean_maps))
    for _ in range(draws):
        noise = (torch.rand(x.shape, generator=generator, dtype=torch.float64) * 2 - 1) * radius
        changed = attribute(x.detach() + noise.to(x) * white(network, x)).detach().double().nan_to_num().flatten(1)
        most = torch.maximum(most, (changed - clean_maps).norm(dim=1))
    norm = clean_maps.norm(dim=1)
    return torch.where(norm > 0, most / norm, torch.nan)


def white(network: Network, x: Tensor) -> Tensor:
    """By how much the input's values rise from black to white, by channel; 1 for what is no photo."""
    way = network.preprocessing
    if x.shape[1] != way.channels:
        return x.new_ones(1)
    return way.scale / x.new_tensor(way.std).view(1, -1, 1, 1)
