"""Instruments give the numbers that they gave when these were written down, on the embedded network and a photo of ours.

What stands in `numbers.npz` is each result's values, averaged to a grid of 8 × 8 where they are maps. A change that means
to change a number writes them anew (`python tests/test_numbers.py`) and says so in the changelog.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import phosphene as ph

WRITTEN = Path(__file__).parent / "numbers.npz"
TOLERANCE = 2e-3  # of the largest number: other processors and versions sum in another order
CAT = "logits:Egyptian cat"


@cache
def _network() -> ph.Network:
    return ph.load()


@cache
def _photo() -> ph.Photo:
    return ph.read(str(files("phosphene") / "photos" / "cat.jpg"))


def _pooled(maps: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(maps.double().reshape(-1, 1, *maps.shape[-2:]), 8)


INSTRUMENTS: dict[str, Callable[[ph.Network, ph.Photo], Tensor]] = {
    "classify": lambda net, photo: torch.tensor([[g.index, g.probability, g.score] for g in net.classify(photo)]),
    "activations": lambda net, photo: _pooled(net.maps(photo, "blocks.3")[0]),
    "gradient": lambda net, photo: _pooled(ph.gradient(net, photo, CAT).values),
    "gradient of a unit": lambda net, photo: _pooled(ph.gradient(net, photo, "blocks.3:17").values),
    "deconvnet": lambda net, photo: _pooled(ph.deconvnet(net, photo, CAT).values),
    "guided": lambda net, photo: _pooled(ph.guided(net, photo, CAT).values),
    "cam": lambda net, photo: ph.cam(net, photo, CAT).raw,
    "grad_cam": lambda net, photo: ph.grad_cam(net, photo, CAT).raw,
    "layer_cam": lambda net, photo: _pooled(ph.layer_cam(net, photo, CAT, layer="blocks.4").raw),
    "occlusion": lambda net, photo: ph.occlusion(net, photo, CAT, window=64, stride=40).drops,
    "occlusion of a probability": lambda net, photo: (
        ph.occlusion(net, photo, "probabilities:Egyptian cat", window=96, stride=64).drops
    ),
    "lrp": lambda net, photo: _pooled(ph.lrp(net, photo, CAT, rule="composite").values),
    "lrp, zplus": lambda net, photo: _pooled(ph.lrp(net, photo, CAT, rule="zplus").values),
    "integrated_gradients": lambda net, photo: _pooled(ph.integrated_gradients(net, photo, CAT, steps=8).values),
    "smooth_grad": lambda net, photo: _pooled(ph.smooth_grad(net, photo, CAT, samples=4).values),
    "rise": lambda net, photo: _pooled(ph.rise(net, photo, CAT, masks=24).values),
    "strongest": lambda net, photo: torch.tensor([u.value for u in ph.strongest(net, photo, "blocks.3", k=4).units]),
    "synthesize": lambda net, photo: _pooled(ph.synthesize(net, "blocks.2:7", size=64, steps=3).images),
    "class_image": lambda net, photo: _pooled(ph.class_image(net, "goose", size=64, steps=3).images),
    "invert": lambda net, photo: ph.invert(net, photo, "blocks.1", steps=3).errors,
    "adversarial": lambda net, photo: (
        ph.adversarial(net, photo, method="fgsm", epsilon="4/255").after[0].topk(5).values
    ),
    "hog": lambda net, photo: torch.as_tensor(ph.hog(photo).values).flatten()[:512],
    "receptive fields": lambda net, photo: torch.tensor(
        [
            [field.height.size, field.height.stride, field.height.start]
            for layer in net.layers()
            if isinstance(field := layer.field, ph.Field)
        ]
    ),
}


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_an_instrument_gives_the_numbers_of_before(name):
    numbers = INSTRUMENTS[name](_network(), _photo()).detach().double().numpy()
    with np.load(WRITTEN) as written:
        before = written[name]
    assert numbers.shape == before.shape
    assert np.abs(numbers - before).max() <= TOLERANCE * np.abs(before).max()


if __name__ == "__main__":
    found = {name: run(_network(), _photo()).detach().numpy().astype("float32") for name, run in INSTRUMENTS.items()}
    np.savez_compressed(WRITTEN, **found)
