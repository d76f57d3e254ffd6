"""How the network runs: the mode it was left in, the size of its input, its speed."""

from __future__ import annotations

import time
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from ...network import Network, NoScoresError, Preprocessing
from ...network.module import input_channels
from ...network.running.outputs import holds_tensor
from ...network.running.recording import recorded
from ...network.running.seam import OUTPUT
from .finding import Finding, clear, listed, percent
from .photos import Material
from .preprocessing import MARGIN, answer, measured, measures

_TRAINED_OTHERWISE = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)


def mode(network: Network) -> Finding:
    """Whether batch norms or dropouts stand in training mode."""
    parts = [(n or "the network", m) for n, m in network.module.named_modules() if isinstance(m, _TRAINED_OTHERWISE)]
    training = [name for name, part in parts if part.training]
    if not training:
        words = "Every batch norm and dropout is in evaluation mode."
        words = words if parts else "No batch norm or dropout is among the modules, so none stands in training mode."
        return Finding("mode", "good", words, {"layers": len(parts)})
    words = (
        f"{len(training)} of {len(parts)} batch norms and dropouts are in training mode: {listed(training)}. Phosphene "
        "evaluates them anyway, your own code will not."
    )
    return Finding("mode", "warning", words, {"training": training}, "Call module.eval() before you use the network.")


def photos_fit(network: Network) -> Finding | None:
    """A note if photos can't be the network's images, as these have another number of channels; None if they can."""
    takes, prepared = (
        input_channels(network.module) or network.channels,
        network.preprocessing.channels,
    )
    if takes in (None, prepared):
        return None
    words = (
        f"The network's first convolution takes {takes} channel{'s' * (takes != 1)}, and photos are prepared with "
        f"{prepared}, so what it computes was not looked at."
    )
    advice = f"Give instruments tensors (N, {takes}, H, W) that are its input, or a preprocessing with its channels."
    return Finding("channels", "note", words, {"channels": takes, "preprocessing": prepared}, advice)


def runs(network: Network, material: Material) -> Finding | None:
    """A fault if the network does not run at the stated size, or gives no tensor; None if it runs."""
    try:
        network.layers()
    except ValueError as error:
        if _runs_on_two(network, material):
            words = (
                "The network runs on several photos together, not on one alone: what it computes for a photo hangs on "
                "the others of its batch."
            )
            advice = "Batch norms over one value a channel need running statistics."
            return Finding("steadiness", "fault", words, {"error": str(error)}, advice)
        words = str(error)[:1].upper() + str(error)[1:] + "."
        advice = "State its own size: Network(module, preprocessing=...). It is called with one tensor of images."
        return Finding("input size", "fault", words, {"size": list(network.preprocessing.size)}, advice)
    try:
        network.record(_x(network, material.images[:1]), OUTPUT)
    except NoScoresError as error:
        if holds_tensor(_answer(network, material.images[:1])):  # boxes in dicts
            return None
        words = str(error)[:1].upper() + str(error)[1:] + "."
        return Finding("outputs", "fault", words, {}, "Return a tensor, or a container that holds one.")
    return None


def _x(network: Network, images: Tensor) -> Tensor:
    return network.normalise(images).to(network.device, network.dtype)


def _answer(network: Network, images: Tensor) -> Any:
    """What the network returns for the images (N, 3, H, W), whatever it is."""
    return recorded(network.module, _x(network, images), {OUTPUT})[OUTPUT]


def _runs_on_two(network: Network, material: Material) -> bool:
    """Whether it runs on two photos together, and not on one of them."""
    images = network.normalise(material.images[:1].repeat(2, 1, 1, 1)).to(network.device, network.dtype)
    try:
        recorded(network.module, images, {OUTPUT})
    except ValueError:
        return False
    try:
        recorded(network.module, images[:1], {OUTPUT})
    except ValueError:
        return True
    return False


def steadiness(network: Network) -> Finding:
    """Whether the same photo gives the same answer twice, and beside another photo in one batch."""
    tried = network.steadiness()
    evidence = {"random": list(tried.random), "changed by the batch": list(tried.coupled), "share": tried.spread}
    if tried.random:
        words = (
            f"The network answers at random: two runs of the same photo differ, first in {tried.random[0]}, by "
            f"{percent(tried.spread)} of its largest value."
        )
        advice = (
            "Switch off what draws random numbers (a dropout function takes training=self.training); until then every "
            "number about this network is of one draw, and instruments that promise exactness refuse it."
        )
        return Finding("steadiness", "warning", words, evidence, advice)
    if tried.coupled:
        words = (
            f"A photo's answer changes with the other photos of its batch: first in {tried.coupled[0]}, by "
            f"{percent(tried.spread)} of its largest value beside a very different one."
        )
        advice = (
            "Phosphene runs photos one at a time here, your own code should too. Batch norms with running statistics, "
            "and means, ranges and attention over one photo only, do not mix photos."
        )
        return Finding("steadiness", "warning", words, evidence, advice)
    if not tried.compared:
        return Finding("steadiness", "note", "Whether runs of the same photo agree was not tried: it does not run.")
    words = "The same photo gives the same values twice, and beside a very different photo in one batch."
    return Finding("steadiness", "good", words, evidence)


def input_size(network: Network, material: Material, most: int = 16) -> Finding:
    """Whether the answers are clearly better at three quarters or five quarters of the stated size."""
    material = material.first(most)
    height, width = network.preprocessing.size
    x = network.normalise(material.images)
    now = answer(network, x)
    if now is None:
        return Finding("input size", "good", f"The network runs at {height} × {width}.", {"size": [height, width]})
    evidence = {f"{height} × {width}": measures(now, material)}
    better: list[str] = []
    for factor in (0.75, 1.25):
        size = (max(32, round(height * factor / 32) * 32), max(32, round(width * factor / 32) * 32))
        name = f"{size[0]} × {size[1]}"
        resized = functional.interpolate(x, size=size, mode="bilinear", antialias=True, align_corners=False)
        try:
            other = answer(network, resized)
        except ValueError:
            evidence[name] = {"runs": "no"}
            continue
        if other is None:
            continue
        evidence[name] = measures(other, material)
        if clear(measured(now, material) - measured(other, material), MARGIN):
            better.append(name)
    if better:
        words = f"The network is clearly surer at {better[0]} than at the stated {height} × {width}."
        return Finding("input size", "note", words, evidence, "Check the size it was trained with.")
    if network.spec is None and network.preprocessing == Preprocessing.plain(channels=network.channels or 3):
        words = f"No preprocessing was stated, so {height} × {width} and values in [0, 1] are assumed."
        return Finding("input size", "note", words, evidence, "Give Network(module, preprocessing=...).")
    first = evidence[f"{height} × {width}"]["confidence"]
    words = (
        f"The network runs at {height} × {width} (confidence {percent(float(first))}); no neighbouring size is better."
    )
    return Finding("input size", "good", words, evidence)


def speed(network: Network, material: Material) -> Finding:
    """Photos a second, preparation included, and what an epoch over the folder would take; `runs` ran it once."""
    photos = material.photos[:4]
    start = time.perf_counter()
    _answer(network, material.first(4).images)
    passing = (time.perf_counter() - start) / len(photos)
    start = time.perf_counter()
    for photo in photos:
        network.preprocessing.prepare(photo)
    preparing = (time.perf_counter() - start) / len(photos)
    rate = 1 / max(passing + preparing, 1e-9)
    epoch = material.total / rate
    evidence = {"photos a second": rate, "network_s": passing, "preparing_s": preparing, "epoch_s": epoch}
    words = (
        f"{rate:.3g} photos a second on {network.device.type}; looking once at all {material.total} takes about "
        f"{duration(epoch)}, training on them about {duration(3 * epoch)} an epoch."
    )
    advice = "Preparing the photos takes longest: load them in several processes." if preparing > passing else ""
    return Finding("time", "good", words, evidence, advice)


def duration(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.2g} s"
