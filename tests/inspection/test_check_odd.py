"""The check-up of odd networks: no error, no sentence that is not true, no fault where there is none."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

import phosphene as ph
from phosphene.inspection.checkup.finding import Finding

PLAIN = ph.Preprocessing.plain(16)


class Made(nn.Module):
    """A forward of its own over some modules."""

    def __init__(self, forward: Callable[[nn.ModuleList, Tensor], Any], *parts: nn.Module) -> None:
        super().__init__()
        self.parts, self.way = nn.ModuleList(parts), forward

    def forward(self, x: Tensor) -> Any:
        return self.way(self.parts, x)


def headed(conv: nn.Module, classes: int = 3) -> nn.Sequential:
    return nn.Sequential(conv, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes)).eval()


def boxes(parts: nn.ModuleList, x: Tensor) -> list[dict[str, Tensor]]:
    maps = parts[0](x).flatten(2)
    return [{"boxes": maps[i].T[:5, :4], "scores": torch.ones(5)} for i in range(len(x))]


def quantized() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(headed(nn.Conv2d(3, 8, 3)), {nn.Linear}, dtype=torch.qint8)


def under_inference() -> nn.Module:
    with torch.inference_mode():
        return headed(nn.Conv2d(3, 8, 3))


def conv(channels: int = 3) -> nn.Conv2d:
    return nn.Conv2d(channels, 8, 3)


NO_CLASSES = ("preprocessing", "note", "does not give one score a class")
STEADY = ("steadiness", "good", "The same photo gives the same values twice")

# name -> (network, what is said of it: check, verdict and a part of the sentence)
ODD: dict[str, tuple[Callable[[], nn.Module], list[tuple[str, str, str]]]] = {
    "grey": (lambda: headed(conv(1)), [STEADY]),
    "no convolution": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 3)), [STEADY]),
    "no weights": (
        lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        [("finite weights", "note", "has no weights"), ("untrained layers", "note", "too few in each to tell"),
         ("dead filters", "note", "no convolution or linear layer")],
    ),
    "1-D on images": (
        lambda: Made(lambda p, x: p[1](p[0](x.flatten(2)).relu().mean(2)), nn.Conv1d(3, 8, 3), nn.Linear(8, 3)),
        [("dead units", "note", "No activation function with known channels"), STEADY],
    ),
    "3-D on images": (
        lambda: Made(
            lambda p, x: p[1](p[0](x[:, :, None]).relu().mean((2, 3, 4))), nn.Conv3d(3, 8, (1, 3, 3)), nn.Linear(8, 3)
        ),
        [("dead units", "note", "No activation function with known channels"), STEADY],
    ),
    "detection": (lambda: Made(boxes, conv()), [NO_CLASSES, ("labels", "note", "so no labels were judged")]),
    "boxes of all photos": (lambda: Made(lambda p, x: p[0](x).mean((2, 3)).view(-1, 4), conv()), [NO_CLASSES]),
    "segmentation": (lambda: nn.Conv2d(3, 5, 3, padding=1), [NO_CLASSES, STEADY]),
    "segmentation in a dict": (lambda: Made(lambda p, x: {"out": p[0](x)}, conv()), [NO_CLASSES, STEADY]),
    "float16": (lambda: headed(conv()).half(), [STEADY]),
    "bfloat16": (lambda: headed(conv()).bfloat16(), [STEADY]),
    "float64": (lambda: headed(conv()).double(), [STEADY]),
    "quantized": (quantized, [("steadiness", "warning", "first in 4")]),
    "spectral norm in training": (lambda: headed(spectral_norm(conv())).train(), [("mode", "good", "No batch norm")]),
    "one logit": (lambda: headed(conv(), 1), [NO_CLASSES]),
    "a number a photo": (lambda: Made(lambda p, x: p[0](x).mean((1, 2, 3)), conv()), [NO_CLASSES]),
    "a class's number": (lambda: Made(lambda p, x: p[0](x).mean((2, 3)).argmax(1), conv()), [NO_CLASSES]),
    "an axis more": (lambda: Made(lambda p, x: p[0](x).mean((2, 3))[:, None], conv()), [STEADY]),
    "nothing": (lambda: Made(lambda p, x: None, conv()), [("outputs", "fault", "answers with nothing")]),
    "identity": (nn.Identity, [NO_CLASSES]),
    "batches only": (
        lambda: nn.Sequential(
            conv(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(8, track_running_stats=False), nn.Linear(8, 3)
        ).eval(),
        [("steadiness", "fault", "runs on several photos together, not on one alone"),
         ("untrained layers", "note", "too few")],
    ),
    "no values": (
        lambda: headed(conv()).to("meta"), [("finite weights", "fault", "4 of 4 weights and buffers have no values")]
    ),
    "lazy": (
        lambda: headed(nn.LazyConv2d(8, 3)), [("finite weights", "fault", "2 of 4 weights and buffers have no values")]
    ),
    "under inference mode": (under_inference, [STEADY]),
    "not finite": (
        lambda: Made(lambda p, x: p[0](x).mean((2, 3)) * torch.nan, conv()),
        [("finite activations", "fault", "Values of logits are NaN or infinite")],
    ),
}  # fmt: skip
FAULTS = {"no convolution": {"untrained layers"}}  # and it is: nobody trained it


def found(network: ph.Network) -> dict[str, Finding]:
    result = ph.check(network)
    result.picture()
    return {finding.check: finding for finding in result.findings}


@pytest.mark.filterwarnings("ignore:Lazy modules")
@pytest.mark.parametrize("name", ODD)
def test_what_is_said_of_odd_networks_is_true(name: str) -> None:
    torch.manual_seed(0)
    build, expected = ODD[name]
    network = ph.Network(build(), None if name == "grey" else PLAIN)
    findings = found(network)
    for check, verdict, part in expected:
        assert findings[check].verdict == verdict
        assert part in findings[check].sentence
    bad = {check for check, finding in findings.items() if finding.verdict in ("fault", "warning")}
    assert bad == {check for check, verdict, _ in expected if verdict in ("fault", "warning")} | FAULTS.get(name, set())
    assert not any("Error" in finding.sentence for finding in findings.values())


@pytest.mark.parametrize("channels", [2, 4, 6])
@pytest.mark.parametrize("way", [None, PLAIN])
def test_photos_are_not_put_into_networks_of_other_channels(channels: int, way: ph.Preprocessing | None) -> None:
    torch.manual_seed(0)
    findings = found(ph.Network(headed(conv(channels)), way))
    assert f"takes {channels} channels, and photos are prepared with 3" in findings["channels"].sentence
    assert f"(N, {channels}, H, W)" in findings["channels"].advice
    assert all(finding.verdict in ("good", "note") for finding in findings.values())


def test_one_channel_of_many_that_never_changes_is_said_in_the_singular() -> None:
    module = headed(conv())
    with torch.no_grad():
        module[0].bias.fill_(5)
        module[0].bias[3] = -100
    assert "1 of 8 channels never changes on 2 photos" in found(ph.Network(module, PLAIN))["dead units"].sentence
