"""What the weights alone tell: values that are no numbers, dead and doubled filters, layers that were never trained.

An untrained layer is known by its distribution: Kolmogorov and Smirnov's distance to what PyTorch and timm draw from,
sqrt(n) D < 1.5 (p = 0.02). The trained layers of EfficientNet-Lite0 come no nearer than 1.86, most lie beyond 5.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ..network import Network
from ..network.weights import weight_of
from .check_finding import Finding, Verdict, listed

LIKE_NEW, FEWEST, MOST = 1.5, 500, 20_000
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def weighted(network: Network) -> list[tuple[str, Tensor]]:
    """The kernels (out, ...) of every convolution and linear layer, by name."""
    kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
    parts = [(n or "the network", m) for n, m in network.module.named_modules() if isinstance(m, kinds)]
    found = [(name, weight_of(network.module, part)) for name, part in parts]
    return [
        (name, weight.cpu().float()) for name, weight in found if weight is not None and weight.device.type != "meta"
    ]


def finite_weights(network: Network) -> Finding:
    """Whether all parameters and buffers are finite numbers."""
    tensors = [*network.module.named_parameters(), *network.module.named_buffers()]
    bad = {n: int((~torch.isfinite(t.detach())).sum()) for n, t in tensors if t.is_floating_point()}
    bad = {name: count for name, count in bad.items() if count}
    if not bad:
        return Finding("finite weights", "good", f"All {len(tensors)} weights and buffers hold finite numbers.")
    words = f"{sum(bad.values())} values of {listed(list(bad))} are NaN or infinite."
    advice = "Load an earlier checkpoint; train with a smaller learning rate or clipped gradients."
    return Finding("finite weights", "fault", words, {"values": bad}, advice)


def dead_filters(network: Network) -> Finding:
    """Kernels that are zero throughout."""
    dead: dict[str, list[int]] = {}
    share = 0.0
    for name, weight in weighted(network):
        zero = (weight.flatten(1) == 0).all(1).nonzero().flatten().tolist()
        if zero:
            dead[name] = zero
            share = max(share, len(zero) / len(weight) if len(zero) > 1 else 0.0)
    if not dead:
        return Finding("dead filters", "good", "No filter is zero throughout.")
    verdict: Verdict = "fault" if share > 0.5 else "warning" if share > 0.05 else "note"
    count = sum(map(len, dead.values()))
    words = f"{count} filters are zero throughout, in {listed(list(dead))}."
    advice = "They do nothing: a few may be pruned away; many say that training or loading went wrong."
    return Finding("dead filters", verdict, words, {"filters": dead, "largest share": share}, advice)


def first_filters(network: Network) -> Iterator[Finding]:
    """Whether filters of the first convolution are doubled, and whether neighbouring weights are alike."""
    kernels = next(((name, w) for name, w in weighted(network) if w.ndim == 4), None)
    if kernels is None or kernels[1][0].numel() < 9:
        return
    name, weight = kernels
    flat = weight.flatten(1)
    flat = flat[flat.norm(dim=1) > 0]
    unit = flat / flat.norm(dim=1, keepdim=True)
    pairs = int(((unit @ unit.T).triu(1) > 0.99).sum())
    evidence = {"layer": name, "pairs": pairs, "filters": len(weight)}
    if pairs:
        verdict: Verdict = "warning" if pairs > len(weight) / 10 else "note"
        words = f"{pairs} pairs of the {len(weight)} filters of {name} point the same way (cosine above 0.99)."
        yield Finding("doubled filters", verdict, words, evidence, "Check how they were initialised; fewer would do.")
    else:
        words = f"No two of the {len(weight)} filters of {name} are the same."
        yield Finding("doubled filters", "good", words, evidence)
    products = [weight[..., 1:] * weight[..., :-1], weight[..., 1:, :] * weight[..., :-1, :]]
    count = sum(part.numel() for part in products)
    power = float((weight**2).mean())
    if count < 300 or power == 0:
        return
    likeness = sum(float(part.sum()) for part in products) / count / power
    z = likeness * math.sqrt(count)  # of independent weights: near 0 within 1 / sqrt(count)
    evidence = {"layer": name, "autocorrelation": round(likeness, 4), "z": round(z, 2)}
    if abs(z) < 3:
        words = (
            f"The filters of {name} look like noise: neighbouring weights correlate by {likeness:.3f} (z = {z:.1f})."
        )
        yield Finding("noisy filters", "note", words, evidence, "Look at them: phosphene filters; train longer.")
    else:
        words = f"The filters of {name} have structure: neighbouring weights correlate by {likeness:.2f} (z = {z:.1f})."
        yield Finding("noisy filters", "good", words, evidence)


def untrained(network: Network) -> Finding:
    """Layers whose weights are distributed as just initialised, and batch norms that hold their first values."""
    judged = [(name, weight) for name, weight in weighted(network) if weight.numel() >= FEWEST]
    new = {name: kind for name, weight in judged if (kind := initial(weight))}
    norms = [(name, part) for name, part in network.module.named_modules() if isinstance(part, _NORMS)]
    fresh = [name for name, part in norms if first_values(network.module, part)]
    evidence: dict[str, Any] = {"layers": new, "batch norms": fresh, "judged": len(judged), "all": False}
    advice = "Load the weights with strict=True and read what is missing; then train these layers."
    if judged and len(new) > 0.9 * len(judged):
        evidence["all"] = True
        words = f"The network is untrained: {len(new)} of {len(judged)} layers are distributed as just initialised."
        return Finding("untrained layers", "fault", words, evidence, advice)
    if new:
        name, kind = next(iter(new.items()))
        words = (
            f"{listed(list(new))} {'is' if len(new) == 1 else 'are'} distributed as just initialised ({name}: {kind})."
        )
        return Finding("untrained layers", "fault", words, evidence, advice)
    if fresh:  # after folding into the convolutions, all hold these values
        folded = len(fresh) == len(norms)
        words = f"{len(fresh)} of {len(norms)} batch norms hold exactly their first values: {listed(fresh)}."
        folding = "Right if they were folded into the convolutions; otherwise their statistics were not loaded."
        return Finding("untrained layers", "note" if folded else "warning", words, evidence, folding)
    return Finding("untrained layers", "good", f"None of {len(judged)} layers looks as just initialised.", evidence)


def first_values(root: nn.Module, part: nn.Module) -> bool:
    wanted = (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1))
    read = [(weight_of(root, part, name), value) for name, value in wanted]
    found = [(tensor, value) for tensor, value in read if tensor is not None]
    return len(found) > 1 and all(bool((tensor == value).all()) for tensor, value in found)


def initial(weight: Tensor) -> str | None:
    """The usual initialisation that the weights can't be told from, or None."""
    inward = weight[0].numel()
    outward = len(weight) * weight[0, 0].numel()
    per_group = weight[0, 0].numel() * (1 if weight.shape[1] == 1 else len(weight))
    values = weight.flatten()[:: max(1, weight.numel() // MOST)].double().sort().values
    if not bool(torch.isfinite(values).all()):
        return None
    bounds = {"PyTorch's default, uniform": inward**-0.5, "Xavier, uniform": math.sqrt(6 / (inward + outward))}
    bounds["timm's, uniform"] = outward**-0.5
    for name, bound in bounds.items():
        if float(values.abs().max()) <= bound * 1.0001 and distance((values / bound + 1) / 2) < LIKE_NEW:
            return f"{name} within {bound:.3g}"
    spreads = {"Kaiming, fan out": math.sqrt(2 / outward), "Kaiming, fan in": math.sqrt(2 / inward)}
    spreads |= {"Kaiming, by group": math.sqrt(2 / per_group), "Xavier": math.sqrt(2 / (inward + outward))}
    spreads |= {"std 0.02": 0.02, "std 0.01": 0.01}
    for name, spread in spreads.items():
        if distance(0.5 * (1 + torch.erf(values / spread / math.sqrt(2)))) < LIKE_NEW:
            return f"{name}, normal with std {spread:.3g}"
    return None


def distance(cumulative: Tensor) -> float:
    """Kolmogorov and Smirnov's sqrt(n) D of sorted values, given as what their distribution says lies below each."""
    n = len(cumulative)
    steps = torch.arange(n + 1, dtype=torch.float64) / n
    return math.sqrt(n) * float(torch.maximum(steps[1:] - cumulative, cumulative - steps[:-1]).max())
