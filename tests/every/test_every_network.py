"""Every instrument on every kind of network: right against a plain loop, or refused in a sentence; left as it was."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest
import torch
from refusals import refusal_of
from tiny_networks import KINDS, SIDE, Kind, built
from torch import Tensor, nn

import phosphene as ph

PYTORCH = re.compile(  # what PyTorch and Python say themselves
    r"size of tensor|mat1|must match|Expected |expected scalar|derivative|grad_fn|not implemented for|has no attribute|"
    r"out of range|unpack|NoneType|dtype\.|inplace operation|does not require grad|index \d+ is|Sizes of|Error: "
)
TOLERANCE = {torch.float16: 2e-2, torch.bfloat16: 6e-2, torch.float32: 1e-4, torch.float64: 1e-7}
PATCH = 16  # side and stride of occlusion's window


@dataclass
class Case:
    """A network of one kind, opened, with an image and a class or unit to ask about."""

    name: str
    kind: Kind
    module: nn.Module

    @cached_property
    def network(self) -> ph.Network:
        head: Any = self.kind.head
        plain = ph.Preprocessing.plain(SIDE, 1 if self.kind.channels == 1 else 3)
        return ph.Network(self.module, plain, head=head)

    @cached_property
    def image(self) -> Tensor:
        return self.kind.images(1)

    @cached_property
    def plain(self) -> nn.Module:
        """A copy in evaluation mode, to be run by plain PyTorch."""
        copied = copy.deepcopy(self.module).eval()
        for part in copied.modules():
            if hasattr(part, "reentrant"):
                part.reentrant = False
            for name, inner in list(part.named_children()):
                setattr(part, name, getattr(inner, "_orig_mod", inner))
        return copied

    @cached_property
    def layer(self) -> str:
        """The last module with a grid of places before the output."""
        grids = [one for one in self.network.layers(SIDE) if one.layout is not None and one.module]
        return next(one.name for one in reversed(grids) if one.maps_shape[1] > 1 and one.name not in ("logits", "last"))

    @property
    def number(self) -> int:
        return min(2, self.kind.classes - 1)

    @property
    def target(self) -> str:
        return f"{self.layer}:1" if self.kind.scores is None else f"logits:{self.number}"

    def scores(self, x: Tensor) -> Tensor:
        assert self.kind.scores is not None
        return torch.cat([self.kind.scores(self.plain(one)) for one in x.split(1)])

    def probabilities(self, x: Tensor) -> Tensor:
        return self.kind.probabilities(self.scores(x).float())

    def close(self, one: Any, other: Any) -> bool:
        if not self.kind.steady:
            return True  # chance makes them differ
        one, other = torch.as_tensor(one).double(), torch.as_tensor(other).double()
        tolerance = TOLERANCE[self.kind.dtype]
        return bool((one - other).abs().max() <= tolerance * other.abs().max().clamp(min=1e-3))


def _run(case: Case, instrument: str) -> Any:
    return INSTRUMENTS[instrument](case)


def _classify(case: Case) -> None:
    guesses = case.network.classify(case.image, k=case.kind.classes)
    likely = case.probabilities(case.image)[0]
    assert case.close([guess.probability for guess in guesses], likely.sort(descending=True).values)
    assert case.close([guess.score for guess in guesses], case.scores(case.image)[0][[g.index for g in guesses]])


def _probabilities(case: Case) -> None:
    found = case.network.record(case.kind.images(2), "probabilities", f"probabilities:{case.number}")
    if case.kind.scores is None:
        return
    likely = case.probabilities(case.kind.images(2))
    assert case.close(found["probabilities"], likely)
    assert case.close(found[f"probabilities:{case.number}"], likely[:, case.number])


def _gradient(case: Case) -> None:
    found = ph.gradient(case.network, case.image, case.target)
    if case.kind.scores is None:
        return
    x = case.image.clone().requires_grad_()
    (right,) = torch.autograd.grad(case.scores(x)[0, case.number], x)
    assert case.close(found.values, right)


def _occlusion(case: Case) -> None:
    found = ph.occlusion(case.network, case.image, case.target, window=PATCH, stride=PATCH, fill="zero")
    if case.kind.scores is None:
        return
    right = torch.zeros(2, 2)
    with torch.no_grad():
        for row in range(2):
            for column in range(2):
                covered = case.image.clone()
                covered[..., PATCH * row : PATCH * (row + 1), PATCH * column : PATCH * (column + 1)] = 0
                right[row, column] = (case.scores(case.image) - case.scores(covered))[0, case.number]
    scale = case.scores(case.image).detach().abs().max().item()
    assert float((found.drops[0].float() - right).abs().max()) <= TOLERANCE[case.kind.dtype] * max(scale, 1e-3)


def _occlusion_of_probability(case: Case) -> None:
    found = ph.occlusion(case.network, case.image, f"probabilities:{case.number}", window=PATCH, stride=PATCH)
    if case.kind.scores is not None:
        assert case.close(found.scores, case.probabilities(case.image)[:, case.number])


def _integrated(case: Case) -> None:
    found = ph.integrated_gradients(case.network, case.image, case.target, steps=16)
    if case.kind.scores is None:
        return
    zero = case.network.record(torch.zeros_like(case.image), case.target)[case.target]
    missed = found.values.double().sum() - (found.scores - zero).double().sum()
    assert abs(float(missed - found.gap.double().sum())) <= TOLERANCE[case.kind.dtype] * 10


def _relevance(case: Case) -> None:
    found = ph.lrp(case.network, case.image, case.target, rule="epsilon")
    if case.name == "a norm over the batch":  # its statistics are the image's own, and held constant: the gap says so
        assert float(found.gap.abs().max()) > 0
        return
    scale = max(1.0, float(found.scores.abs().max()), float(found.values.abs().sum()))
    assert float(found.gap.abs().max()) <= 10 * TOLERANCE[case.kind.dtype] * scale


def _class_map(case: Case) -> None:
    found = ph.cam(case.network, case.image, case.target)
    assert found.bias is not None
    if case.kind.scores is not None:
        assert case.close(found.raw.mean((1, 2)) + found.bias, case.scores(case.image)[:, case.number])


def _rise(case: Case) -> None:
    found = ph.rise(case.network, case.image, None if case.kind.scores else case.target, masks=8)
    if case.kind.scores is not None:
        assert found.targets[0].startswith("probabilities")
        assert case.close(found.scores, case.probabilities(case.image).max(1).values)


def _sensitivities(case: Case) -> None:
    """Of the layer's channel of the largest value, over an image and another."""
    images = torch.cat([case.image, case.image.flip(1, 2)])
    maps = case.network.maps(images, case.layer)
    channel = int(maps.float().amax((0, 2, 3)).argmax())
    found = ph.sensitivities(case.network, images, f"{case.layer}:{channel}")
    assert case.close(found.original[0], maps[:, channel].float().max())


def _adversarial(case: Case) -> None:
    found = ph.adversarial(case.network, case.image, method="fgsm", epsilon="8/255")
    assert case.close(found.before, case.probabilities(case.image))
    assert case.close(found.after, case.probabilities(case.network.normalise(found.images).to(case.kind.dtype)))


def _fooling(case: Case) -> None:
    found = ph.fool(case.network, case.number, steps=2, size=SIDE)
    images = (found.images * 255).round() / 255
    likely = case.probabilities(case.network.normalise(images).to(case.kind.dtype))
    assert case.close(found.scores, likely[:, case.number])


def _class_image(case: Case) -> None:
    found = ph.class_image(case.network, case.number, steps=2, size=SIDE)
    x = case.network.normalise(found.images).to(case.kind.dtype)
    assert case.close(found.scores, case.scores(x)[:, case.number])
    assert case.close(found.probabilities, case.probabilities(x)[:, case.number])


def _robustness(case: Case) -> None:
    ph.robustness(case.network, [_photo()], methods="fgsm", epsilons="1/255")


def _photo() -> ph.Photo:
    pixels = (torch.rand(SIDE, SIDE, 3, generator=torch.Generator().manual_seed(3)) * 255).byte()
    return ph.read(pixels.numpy())


INSTRUMENTS: dict[str, Callable[[Case], Any]] = {
    "classify": _classify,
    "probabilities": _probabilities,
    "layers": lambda case: case.network.layers(SIDE),
    "activations": lambda case: ph.activations(case.network, case.image, case.layer).picture(),
    "strongest": lambda case: ph.strongest(case.network, case.image, case.layer, k=2).picture(),
    "filters": lambda case: ph.filters(case.network).picture(),
    "draw": lambda case: ph.draw(case.network).picture(),
    "anatomy": lambda case: ph.anatomy(case.network, case.image, case.layer, target=case.target).picture(),
    "check": lambda case: ph.check(case.network).picture(),
    "gradient": _gradient,
    "gradient of the answer": lambda case: ph.gradient(case.network, case.image).picture(),
    "deconvnet": lambda case: ph.deconvnet(case.network, case.image, case.target),
    "guided": lambda case: ph.guided(case.network, case.image, case.target),
    "occlusion": _occlusion,
    "occlusion of a probability": _occlusion_of_probability,
    "lrp": _relevance,
    "patterns": lambda case: ph.patterns(case.network, case.image, case.layer, units=2),
    "cam": _class_map,
    "grad_cam": lambda case: ph.grad_cam(case.network, case.image, case.target),
    "layer_cam": lambda case: ph.layer_cam(case.network, case.image, case.target, layer=case.layer),
    "score_cam": lambda case: ph.score_cam(case.network, case.image, case.target),
    "locate": lambda case: ph.locate(case.network, case.image, case.target).picture(),
    "selectivity": lambda case: ph.selectivity(case.network, case.image, rules="gradient", units=2),
    "cascade": lambda case: ph.cascade(case.network, case.image, case.target, methods="gradient", depths=2),
    "sensitivities": _sensitivities,
    "judge": lambda case: ph.judge(case.network, case.image, methods="gradient", steps=2, tests="insertion,randomised"),
    "why": lambda case: ph.why(case.network, case.image, case.target, methods=["gradient", "grad_cam"]).picture(),
    "integrated_gradients": _integrated,
    "smooth_grad": lambda case: ph.smooth_grad(case.network, case.image, case.target, samples=2),
    "rise": _rise,
    "synthesize": lambda case: ph.synthesize(case.network, case.target, steps=1, size=SIDE).picture(),
    "class_image": _class_image,
    "invert": lambda case: ph.invert(case.network, case.image, case.layer, steps=1),
    "caricature": lambda case: ph.caricature(case.network, case.image, case.layer, steps=1),
    "place of a class": lambda case: ph.gradient(case.network, case.image, f"logits:{case.number}@5,6"),
    "dream": lambda case: ph.dream(case.network, case.image, case.layer, steps=1, octaves=1),
    "diverse": lambda case: ph.diverse(case.network, case.target, images=2, steps=1, size=SIDE),
    "adversarial": _adversarial,
    "fool": _fooling,
    "robustness": _robustness,
}


@pytest.fixture(scope="module", params=KINDS)
def case(request) -> Case:
    return Case(request.param, KINDS[request.param], built(KINDS[request.param]))


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_every_instrument_is_right_or_refuses_and_leaves_the_network(instrument, case, unchanged):
    expected = refusal_of(case.name, instrument)
    with unchanged(case.module):
        if expected is None:
            _run(case, instrument)
            return
        with pytest.raises((ValueError, LookupError), match=expected) as refused:
            _run(case, instrument)
    assert not isinstance(refused.value, (KeyError, IndexError))
    assert not PYTORCH.search(str(refused.value))
