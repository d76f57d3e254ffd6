"""What the network computes on the photos: values that are no numbers, units that never change, saturated answers."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ...network import Layer, Network
from ...network.running.seam import OUTPUT
from .finding import Finding, Verdict, listed, percent
from .photos import Material

_POSTS = {"relu", "relu6", "silu", "gelu", "hardswish", "hardtanh", "leakyrelu", "elu", "mish", "sigmoid", "tanh"}


def activity(network: Network, material: Material, most: int = 24) -> Iterator[Finding]:
    """Non-finite activations, dead units and saturated outputs, from one pass over at most `most` photos."""
    x = network.normalise(material.first(most).images).to(network.device, network.dtype)
    every = network.layers(tuple(x.shape[-2:]))
    layers = [layer for layer in every if is_post(layer) and layer.name != OUTPUT]
    answer = [OUTPUT for layer in every if layer.name == OUTPUT]
    low: dict[str, Tensor] = {}
    high: dict[str, Tensor] = {}
    outputs: list[Tensor] = []
    for part in x.split(4) if layers or answer else ():
        values = network.record(part, *[layer.name for layer in layers], *answer)
        outputs += [values[OUTPUT].detach() for _ in answer]
        for layer in layers:
            units = by_channel(values[layer.name], layer)
            low[layer.name] = torch.minimum(low.get(layer.name, units.amin(1)), units.amin(1))
            high[layer.name] = torch.maximum(high.get(layer.name, units.amax(1)), units.amax(1))
    bad = [name for name in low if not bool(torch.isfinite(low[name] + high[name]).all())]
    bad += [OUTPUT] if any(not bool(torch.isfinite(output).all()) for output in outputs) else []
    if bad:
        words = f"Values of {listed(bad)} are NaN or infinite; {bad[0]} is the first."
        yield Finding("finite activations", "fault", words, {"layers": bad}, f"Look at the layers before {bad[0]}.")
        return
    words = f"All activations of {len(layers)} layer{'s' * (len(layers) != 1)} are finite on {len(x)} photos."
    if not layers:
        words = f"The outputs are finite on {len(x)} photos; no activation function was found to look at."
    yield Finding("finite activations", "good", words, {"layers": len(layers), "photos": len(x)})
    yield dead_units(
        {layer.name: high[layer.name] == low[layer.name] for layer in layers if has_channels(layer)}, len(x)
    )
    if outputs and outputs[0].ndim == 2:
        yield outputs_fit(network, torch.cat(outputs).double().cpu())


def is_post(layer: Layer) -> bool:
    return layer.kind.lower().strip("_") in _POSTS


def has_channels(layer: Layer) -> bool:
    """Whether it is known which dimension holds channels: of maps, tokens on a grid, and vectors."""
    return layer.layout is not None or len(layer.shape) == 1


def by_channel(value: Tensor, layer: Layer) -> Tensor:
    """(C, everything else), for maps, tokens and vectors; what has no channels counts as one."""
    if value.ndim < 2:
        return value.reshape(1, -1)
    maps = layer.layout.maps(value) if layer.layout is not None else value if value.ndim < 3 else value.movedim(-1, 1)
    return maps.transpose(0, 1).flatten(1)


def dead_units(constant: dict[str, Tensor], photos: int) -> Finding:
    """Channels that have one and the same value everywhere on all photos."""
    dead = {name: mask.nonzero().flatten().tolist() for name, mask in constant.items() if bool(mask.any())}
    total = sum(len(mask) for mask in constant.values())
    count = sum(map(len, dead.values()))
    evidence = {"photos": photos, "units": total, "dead": dead}
    if not constant:
        words = "No activation function with known channels was found, so dead units were not looked for."
        return Finding("dead units", "note", words)
    if not dead:
        return Finding("dead units", "good", f"None of {total} channels is constant on {photos} photos.", evidence)
    worst = max(dead, key=lambda name: len(dead[name]) / len(constant[name]))
    share = len(dead[worst]) / len(constant[worst])
    words = (
        f"{count} of {total} channels never change{'s' * (count == 1)} on {photos} photos, most in {worst} "
        f"({len(dead[worst])} of {len(constant[worst])})."
    )
    verdict: Verdict = "fault" if share == 1 else "warning" if share > 0.25 and photos >= 8 else "note"
    advice = "Rare channels wake up on other photos; a layer with many dead ones had too large a learning rate."
    return Finding("dead units", verdict, words, evidence, advice)


def outputs_fit(network: Network, scores: Tensor) -> Finding:
    """Whether the outputs are scores, as they should be, and not all certain; `scores` are (N, classes)."""
    likely = network.probabilities(scores)
    if network.head in ("probabilities", "log-probabilities"):
        return _probabilities_finding(network.head, likely)
    confidence = likely.max(1).values
    sure = float((confidence > 0.999).double().mean())
    evidence = {"head": network.head, "photos": len(scores), "confidence": round(float(confidence.mean()), 4),
                "above 0.999": sure}  # fmt: skip
    if sure > 0.95 and len(scores) >= 8:
        words = f"The answers are saturated: {percent(sure)} of {len(scores)} photos are sure beyond 0.999."
        advice = "Check the input's scale and the size of the last weights; calibrate with a temperature."
        return Finding("outputs", "warning", words, evidence, advice)
    if scores.shape[1] == 1:
        words = "The output is one score, read as a logit: its sigmoid is the probability"
        return Finding("outputs", "good", f"{words}, {percent(float(confidence.mean()))} on average.", evidence)
    if bool(((scores >= 0) & (scores <= 1)).all()) and len(scores) >= 8:
        words = (
            f"All outputs lie in [0, 1], and are taken for scores of {scores.shape[1]} classes before a {network.head}."
        )
        advice = 'If they are probabilities already, say so: Network(..., head="probabilities").'
        return Finding("outputs", "note", words, evidence, advice)
    kind = "scores of" if network.head == "softmax" else "scores, each a yes or no of its own, of"
    words = f"The outputs are {kind} {scores.shape[1]} classes; mean confidence {percent(float(confidence.mean()))}."
    return Finding("outputs", "good", words, evidence)


def _probabilities_finding(head: str, likely: Tensor) -> Finding:
    """Of a network that ends in a softmax, a sigmoid or the logarithm of one."""
    sums = likely.sum(1)
    exclusive = likely.shape[1] > 1 and bool(((sums - 1).abs() < 1e-3).all())
    kind = "they sum to one, as after a softmax" if exclusive else "each lies in [0, 1] by itself, as after a sigmoid"
    words = f"The outputs are {head} already: {kind}. They are taken as they are."
    advice = "Return the scores before it: losses are more exact, and class images need what can grow without limit."
    return Finding("outputs", "warning", words, {"head": head, "sums": [float(sums.min()), float(sums.max())]}, advice)
