"""What the weights alone tell: values that are no numbers, dead and doubled filters, layers that were never trained.

An untrained layer is known by two things. Its weights are distributed as PyTorch and timm draw them: Kolmogorov and
Smirnov's distance sqrt(n) D is below 1.95 (p = 0.001). And they look drawn independently (`structure`), as trained
weights don't even where their distribution has come out normal: some inputs and outputs count more than others.
`benchmarks/checkup.py` measures how often either is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ...network import Network
from ...network.module import without_values
from ...network.running.weights import weight_of
from ..faint import faint
from .finding import Finding, Verdict, listed

LIKE_NEW, STRUCTURED, FEWEST, MOST = 1.95, 3.8, 500, 20_000
MANY_DEAD = 0.5  # share of a layer's filters; rightly trained networks have up to a quarter (benchmarks/checkup.py)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def weighted(network: Network) -> list[tuple[str, Tensor]]:
    """The kernels (out, ...) of every convolution and linear layer, by name."""
    kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
    parts = [(n or "the network", m) for n, m in network.module.named_modules() if isinstance(m, kinds)]
    named_weights = [(name, weight_of(network.module, part)) for name, part in parts]
    return [
        (name, weight.cpu().float())
        for name, weight in named_weights
        if weight is not None and weight.device.type != "meta"
    ]


def finite_weights(network: Network) -> Finding:
    """Whether all parameters and buffers are finite numbers."""
    tensors = [*network.module.named_parameters(), *network.module.named_buffers()]
    if empty := [name for name, tensor in tensors if without_values(tensor)]:
        words = f"{len(empty)} of {len(tensors)} weights and buffers have no values yet: {listed(empty)}."
        advice = "Load weights (they are on the meta device), or run the network once (its modules are lazy)."
        return Finding("finite weights", "fault", words, {"empty": empty}, advice)
    if not tensors:
        return Finding("finite weights", "note", "The network has no weights and no buffers.")
    bad = {n: int((~torch.isfinite(t.detach())).sum()) for n, t in tensors if t.is_floating_point()}
    bad = {name: count for name, count in bad.items() if count}
    if not bad:
        return Finding("finite weights", "good", f"All {len(tensors)} weights and buffers hold finite numbers.")
    words = f"{sum(bad.values())} values of {listed(list(bad))} are NaN or infinite."
    advice = "Load an earlier checkpoint; train with a smaller learning rate or clipped gradients."
    return Finding("finite weights", "fault", words, {"values": bad}, advice)


def dead_filters(network: Network) -> Finding:
    """Kernels that are zero but for rounding, as `filters` counts them."""
    layers = weighted(network)
    dead = {name: none for name, weight in layers if (none := faint(weight))}
    shares = {name: len(dead[name]) / len(weight) for name, weight in layers if name in dead}
    evidence = {"filters": dead, "shares": shares, "layers": len(layers)}
    if not layers:
        return Finding(
            "dead filters", "note", "The network has no convolution or linear layer to look for dead filters in."
        )
    if not dead:
        return Finding("dead filters", "good", "No filter is zero throughout.", evidence)
    count, whole = sum(map(len, dead.values())), [name for name, share in shares.items() if share == 1]
    worst = max(shares, key=lambda name: shares[name])
    if whole:
        words = (
            f"All filters of {listed(whole)} are zero: {'it gives' if len(whole) == 1 else 'they give'} the bias alone."
        )
        advice = "Some layers begin at zero (a new head, the end of a block): train these, or load their weights."
        return Finding("dead filters", "fault", words, evidence, advice)
    one = count == 1
    words = (
        f"{count} filter{'s'[one:]} {'is' if one else 'are'} zero but for rounding, in {listed(list(dead))}; most in "
        f"{worst} ({len(dead[worst])} of {next(len(weight) for name, weight in layers if name == worst)})."
    )
    advice = "They do nothing, as weight decay leaves them: they may be pruned away."
    verdict: Verdict = "warning" if shares[worst] > MANY_DEAD else "note"
    if verdict == "warning":
        advice = "So many say that training or loading went wrong, or that the layer was pruned."
    return Finding("dead filters", verdict, words, evidence, advice)


def first_filters(network: Network) -> Iterator[Finding]:
    """Whether the first convolution's filters repeat, and whether they look like noise: neighbours don't go together.

    Filters that are zero but for rounding are left out, and each of the others counts alike, however strong it is.
    """
    kernels = next(((name, w) for name, w in weighted(network) if w.ndim == 4), None)
    if kernels is None or kernels[1][0].numel() < 9:
        return
    name, weight = kernels
    none = set(faint(weight))
    flat = weight[[index for index in range(len(weight)) if index not in none]]
    if not len(flat):
        return
    unit = flat / flat.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    pairs = int(((unit.flatten(1) @ unit.flatten(1).T).triu(1) > 0.99).sum())
    evidence = {"layer": name, "pairs": pairs, "filters": len(unit)}
    if pairs:
        verdict: Verdict = "warning" if pairs > len(unit) / 10 else "note"
        which = f"{pairs} pair{'s' * (pairs > 1)} of the {len(unit)} filters of {name}"
        words = f"{which} point{'s' * (pairs == 1)} the same way (cosine above 0.99)."
        yield Finding("doubled filters", verdict, words, evidence, "Check how they were initialised; fewer would do.")
    else:
        words = f"No two of the {len(unit)} filters of {name} are the same."
        yield Finding("doubled filters", "good", words, evidence)
    products = [unit[..., 1:] * unit[..., :-1], unit[..., 1:, :] * unit[..., :-1, :]]
    count = sum(part.numel() for part in products)
    if count < 300:
        return
    likeness = sum(float(part.sum()) for part in products) / count * unit[0].numel()
    z = likeness * math.sqrt(count)  # of independent weights: near 0 within 1 / sqrt(count)
    evidence = {"layer": name, "autocorrelation": round(likeness, 4), "z": round(z, 2)}
    if abs(z) < 3:
        words = (
            f"The filters of {name} look like noise: neighbouring weights correlate by {likeness:.3f} (z = {z:.1f})."
        )
        advice = "Look at them (phosphene filters): kernels of 3 × 3 may look so trained, larger ones seldom do."
        yield Finding("noisy filters", "note", words, evidence, advice)
    else:
        words = f"The filters of {name} have structure: neighbouring weights correlate by {likeness:.2f} (z = {z:.1f})."
        yield Finding("noisy filters", "good", words, evidence)


def untrained(network: Network) -> Finding:
    """Layers whose weights are distributed as just initialised, and batch norms that hold their first values."""
    judged = [(name, weight) for name, weight in weighted(network) if weight.numel() >= FEWEST]
    new = {name: kind for name, weight in judged if (kind := initial(weight))}
    norms = [(n, part) for n, part in network.module.named_modules() if isinstance(part, _NORMS)]
    norms = [(n, part) for n, part in norms if part.running_mean is not None]
    fresh = [name for name, part in norms if first_values(network.module, part)]
    evidence: dict[str, Any] = {"layers": new, "batch norms": fresh, "judged": len(judged), "all": False}
    advice = "If weights were loaded, strict=True names those that the file did not hold; otherwise train these layers."
    if judged and len(new) > 0.9 * len(judged):
        evidence["all"] = True
        layers = f"{len(new)} of {len(judged)} layers are" if len(judged) > 1 else "its one large layer is"
        words = f"The network is untrained: {layers} distributed as just initialised."
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
    if not judged:
        words = f"No layer has {FEWEST} weights or more, too few in each to tell whether it was trained."
        return Finding("untrained layers", "note", words, evidence)
    return Finding("untrained layers", "good", f"None of {len(judged)} layers looks as just initialised.", evidence)


def first_values(root: nn.Module, part: nn.Module) -> bool:
    wanted = (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1))
    read = [(weight_of(root, part, name), value) for name, value in wanted]
    pairs = [(tensor, value) for tensor, value in read if tensor is not None]
    return len(pairs) > 1 and all(bool((tensor == value).all()) for tensor, value in pairs)


def initial(weight: Tensor) -> str | None:
    """The usual initialisation that the weights can't be told from, or None.

    They must be distributed like it, and look drawn independently: no row, column or place of the kernels stands out.
    """
    inward = weight[0].numel()
    outward = len(weight) * weight[0, 0].numel()
    per_group = weight[0, 0].numel() * (1 if weight.shape[1] == 1 else len(weight))
    values = weight.flatten()[:: max(1, weight.numel() // MOST)].double().sort().values
    if not bool(torch.isfinite(values).all()):
        return None
    bounds = {"PyTorch's default, uniform": inward**-0.5, "Xavier, uniform": math.sqrt(6 / (inward + outward))}
    bounds |= {"timm's, uniform": outward**-0.5, "Kaiming, uniform": math.sqrt(6 / inward)}
    for name, bound in bounds.items():
        alike = float(values.abs().max()) <= bound * 1.0001 and distance((values / bound + 1) / 2) < LIKE_NEW
        if alike and structure(weight, bound / math.sqrt(3), 1.8) < STRUCTURED:
            return f"{name} within {bound:.3g}"
    spreads = {"Kaiming, fan out": math.sqrt(2 / outward), "Kaiming, fan in": math.sqrt(2 / inward)}
    spreads |= {"Kaiming, by group": math.sqrt(2 / per_group), "Xavier": math.sqrt(2 / (inward + outward))}
    spreads |= {"LeCun": inward**-0.5, "std 0.1": 0.1, "std 0.02": 0.02, "std 0.01": 0.01}
    for name, spread in spreads.items():
        alike = distance(0.5 * (1 + torch.erf(values / spread / math.sqrt(2)))) < LIKE_NEW
        if alike and structure(weight, spread, 3.0) < STRUCTURED:
            return f"{name}, normal with std {spread:.3g}"
    return None


def structure(weight: Tensor, spread: float, kurtosis: float) -> float:
    """How far the weights are from independent draws of that spread and kurtosis, in standard deviations.

    The mean and the mean square of each output's, each input's and each place's weights are normal, nearly, if drawn;
    the sum of their squares follows chi squared, and the largest of the six is what is given.
    """
    scaled = (weight.double() / spread).reshape(len(weight), weight.shape[1], -1)
    far = 0.0
    for dimension in range(3):
        parts = scaled.movedim(dimension, 0).flatten(1)
        count, each = parts.shape
        if count < 2 or each < 2:
            continue
        means = parts.mean(1) * math.sqrt(each)
        squares = (parts.square().mean(1) - 1) * math.sqrt(each / (kurtosis - 1))
        for sums in (means, squares):
            share, width = float(sums.square().sum()) / count, 2 / (9 * count)
            far = max(far, (share ** (1 / 3) - (1 - width)) / math.sqrt(width))  # E. Wilson and M. Hilferty, 1931
    return far


def distance(cumulative: Tensor) -> float:
    """Kolmogorov and Smirnov's sqrt(n) D of sorted values, given as what their distribution says lies below each."""
    n = len(cumulative)
    steps = torch.arange(n + 1, dtype=torch.float64) / n
    return math.sqrt(n) * float(torch.maximum(steps[1:] - cumulative, cumulative - steps[:-1]).max())
