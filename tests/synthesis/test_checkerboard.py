"""The checkerboard: strided networks whose gradient is known by counting windows, and images whose energy is."""

import math
from fractions import Fraction

import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.synthesis.checkerboard.checkerboard import percentile_of
from phosphene.synthesis.checkerboard.stride_energy import (
    energy_of,
    fold,
    start_gradient,
    stride_variations,
    strides_to,
)
from phosphene.synthesis.engine.objectives import unit


def strided(kernel, stride):
    """A linear layer of ones around a torus: a pixel's gradient counts the windows that cover it."""
    layer = nn.Conv2d(3, 1, kernel, stride, padding=kernel // 2, padding_mode="circular", bias=False).double()
    nn.init.ones_(layer.weight)
    plain = ph.Preprocessing((32, 32), mean=(0, 0, 0), std=(1, 1, 1))
    return ph.Network(nn.Sequential(layer, nn.Identity()).eval(), plain)


def counted(kernel, stride):
    """The variation that counting says: windows over each place of a stride, squared, in both directions."""
    windows = [Fraction(len(range(place, kernel, stride))) for place in range(stride)]
    energies = [w * w for w in windows]
    mean = sum(energies) / stride
    squares = sum(e * e for e in energies) / stride
    return math.sqrt((squares / mean**2) ** 2 - 1)


@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (5, 2), (1, 2), (5, 4), (7, 4)])
def test_a_strided_layers_variation_is_what_counting_windows_gives(kernel, stride, unchanged):
    network = strided(kernel, stride)
    with unchanged(network.module):
        gradient = start_gradient(network, unit(network, "0:0", (32, 32)), (32, 32), 0)
    found = float(stride_variations(energy_of(gradient), (stride,))[0])
    assert found == pytest.approx(counted(kernel, stride), rel=1e-5)


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (4, 2), (4, 4), (8, 4)])
def test_kernels_of_whole_strides_leave_no_pattern(kernel, stride):
    layer = nn.Conv2d(3, 1, kernel, stride, bias=False).double()
    nn.init.ones_(layer.weight)
    x = torch.zeros(1, 3, 64, 64, dtype=torch.float64, requires_grad=True)
    layer(x).sum().backward()
    inner = energy_of(x.grad)[8:-8, 8:-8]  # each pixel is in as many windows
    assert float(stride_variations(inner, (stride,))[0]) < 1e-3


def test_a_pattern_counts_at_its_own_stride_only():
    places = torch.arange(64)
    pattern = 1 + 0.5 * torch.cos(2 * math.pi * places / 4)
    energy = pattern[:, None].expand(64, 64)
    two, four, eight = stride_variations(energy, (2, 4, 8)).tolist()
    assert (two, eight) == (pytest.approx(0, abs=1e-3), pytest.approx(0, abs=1e-3))
    assert four == pytest.approx(0.5 / math.sqrt(2), rel=1e-5)


def test_what_lies_between_the_frequencies_counts_nothing():
    places = torch.arange(60)
    energy = 2 + torch.cos(2 * math.pi * places * 17 / 60)[:, None] * torch.ones(60)
    assert stride_variations(energy, (2, 4)).max() < 1e-3


def test_the_fold_is_the_mean_at_each_place():
    energy = torch.arange(48.0).reshape(6, 8)
    found = fold(energy, 2)
    for row in range(2):
        for column in range(2):
            expected = energy[row::2, column::2].mean() / energy.mean()
            assert float(found[row, column]) == pytest.approx(float(expected))


def test_strides_are_those_of_the_layers_on_the_way(network):
    assert strides_to(network, network.address("3:1", (24, 24)), (24, 24)) == (2,)
    plain = ph.Network(nn.Conv2d(3, 4, 3).eval(), ph.Preprocessing((24, 24), mean=(0, 0, 0), std=(1, 1, 1)))
    with pytest.raises(ValueError, match=r"no layer of Conv2d up to .* has a stride"):
        strides_to(plain, plain.address("logits:0", (24, 24)), (24, 24))


def test_the_instrument_shows_the_pattern_and_that_it_goes(unchanged):
    network = strided(3, 2)
    with unchanged(network.module):
        steps = list(ph.checkerboard.steps(network, "0:0", steps=3))
    found = steps[-1]
    assert [step.step for step in steps] == list(range(1, 16))
    assert found.images.shape == (6, 3, 32, 32)
    assert found.strides == (2,)
    gradient, plain, jitter, *_ = found.variations[:, 0].tolist()
    assert gradient == pytest.approx(counted(3, 2), rel=1e-4)
    assert plain > jitter
    assert "The checkerboard" in found.picture().caption
    assert found.to_dict()["strides"] == [2]
    with pytest.raises(ValueError, match="one target, not of 2"):
        ph.checkerboard(network, ["0:0", "0:0"], steps=1)


def test_the_embedded_networks_gradient_has_a_checkerboard_and_its_fourier_image_none():
    network = ph.load()
    found = ph.checkerboard(network, "blocks.1:3", size=96, steps=4)
    gradient, fourier = found.variations[0], found.variations[5]
    assert found.strides == (2, 4)
    assert float(gradient.max()) > 0.08
    assert float(fourier.max()) < float(gradient.max()) / 3


def test_the_caption_says_whose_the_scores_are_and_where_it_was_stopped():
    steps = list(ph.checkerboard.steps(strided(3, 2), "0:0", steps=1))
    assert "energies and scores of 4 images a way, the first of which is shown" in steps[-1].picture().caption
    assert "stopped" not in steps[-1].picture().caption
    assert "stopped after 2 of 5" in steps[1].picture().caption


def test_a_network_that_keeps_no_gradient_is_told():
    class Cut(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Conv2d(3, 2, 3, 2)

        def forward(self, x):
            return self.layer(x.detach()).detach()

    with pytest.raises(ValueError, match="no gradient comes back"):
        ph.checkerboard(ph.Network(Cut().eval(), ph.Preprocessing.plain(32)), "layer:0", steps=1)


def test_the_cut_is_found_in_images_of_more_than_sixteen_million_values():
    """As many as torch.quantile refuses."""
    signal = torch.arange(3 * 2368 * 2368, dtype=torch.float32).neg().reshape(3, 2368, 2368)
    assert percentile_of(signal) == pytest.approx(0.995 * (signal.numel() - 1), rel=1e-6)
