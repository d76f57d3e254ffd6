"""Priors and transforms as texts, in the instruments that optimise images beside `synthesize`."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import phosphene as ph
from phosphene.instrument.marking import last


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
    ).eval()  # fmt: skip
    return ph.Network(module, ph.Preprocessing((32, 32), resize=(32, 32)), ["ant", "bee", "cat", "dog"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("photos")
    for index in range(6):
        pixels = np.random.default_rng(index).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f"{index}.png")
    return root


def roughness(images):
    return float((images.diff(dim=-1).abs().mean() + images.diff(dim=-2).abs().mean()).detach())


def photo():
    return ph.read(np.random.default_rng(0).integers(0, 256, (72, 72, 3), dtype=np.uint8))


def made(name, network, folder, **options):
    small = {"steps": 3, **options}
    calls = {
        "invert": lambda: ph.invert(network, photo(), "0", **small),
        "dream": lambda: ph.dream(network, photo(), "2", octaves=1, **small),
        "style": lambda: ph.style(network, photo(), photo(), size=32, layers=["0", "2"], **small),
        "fool": lambda: ph.fool(network, "bee", confidence=1, **small),
        "facets": lambda: ph.facets(network, "logits:bee", folder, groups=2, top=6, layer="2", **small),
    }
    return calls[name]()


# the text of an instrument's own settings, as far as a text names them
OWN = {
    "invert": {"priors": "usual"},
    "dream": {"priors": "none", "transforms": "jitter:18"},
    "style": {"priors": "tv:0.05"},
    "fool": {"priors": "none", "transforms": "none"},
    "facets": {"priors": "fade"},
}
COSTS = {"invert": "usual,tv:20", "dream": "tv:100", "style": "tv:100", "fool": "tv:500", "facets": "fade,tv:100"}


@pytest.mark.parametrize("name", OWN)
def test_an_instruments_own_settings_given_as_a_text_change_nothing(name, network, folder):
    ours, same = made(name, network, folder), made(name, network, folder, **OWN[name])
    assert torch.equal(ours.images, same.images)
    assert torch.equal(ours.scores, same.scores)


@pytest.mark.parametrize("name", COSTS)
def test_a_total_variation_makes_images_smoother_and_the_caption_names_it(name, network, folder):
    steps = 12 if name != "style" else 6
    ours = made(name, network, folder, steps=steps)
    smooth = made(name, network, folder, steps=steps, priors=COSTS[name])
    assert roughness(smooth.images) < 0.97 * roughness(ours.images)
    assert f"priors {COSTS[name]}" in smooth.how
    assert smooth.made["options"]["priors"] == COSTS[name]


def test_changes_of_pixels_are_taken_where_pixels_are_optimised(network, folder):
    for name in ("dream", "fool"):
        ours, blurred = (made(name, network, folder, priors=each) for each in ("none", "blur:2,every=1"))
        assert roughness(blurred.images) < 0.9 * roughness(ours.images)
    by_momentum = ph.invert(network, photo(), "0", optimiser="momentum", steps=2, priors="usual,blur:2,every=1")
    assert "priors usual,blur:2,every=1" in by_momentum.how


def test_transforms_change_what_the_network_sees(network, folder):
    for name in ("dream", "fool"):
        ours, moved = made(name, network, folder), made(name, network, folder, transforms="jitter:3,noise:0.2")
        assert not torch.equal(ours.images, moved.images)
        assert "seen under jitter:3,noise:0.2" in moved.how


def test_scores_are_those_of_the_objective_without_the_priors(network):
    """So that numbers with and without priors can be compared."""
    plain, costly = (last(ph.dream.steps(network, photo(), "2", octaves=1, steps=2, jitter=0, priors=each), 1)
                     for each in ("none", "tv:100"))  # fmt: skip
    torch.testing.assert_close(plain.scores, costly.scores)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("style", {"priors": "fade"}, "the prior fade belongs to Adam's steps, and L-BFGS takes the steps here"),
        ("style", {"priors": "blur:1"}, "the prior blur:1 changes pixels after each step, and a spectrum is optimised"),
        ("invert", {"priors": "fade"}, "belongs to Adam's steps"),
        ("invert", {"space": "pixels", "priors": "blur:1"}, "changes pixels after each step, and the sigmoid of an im"),
        ("facets", {"priors": "decay:0.1"}, "changes pixels after each step, and a spectrum is optimised here"),
        ("fool", {"priors": "spectrum:1"}, "is one of a spectrum \\(fourier\\), and pixels are optimised here"),
        ("fool", {"method": "evolve", "priors": "tv:1"}, "the method evolve evolves images without an objective"),
        ("fool", {"method": "cppn", "transforms": "jitter:1"}, "give them with method='gradient'"),
    ],
)
def test_priors_that_cannot_apply_are_refused_in_a_sentence(name, options, sentence, network, folder):
    with pytest.raises(ValueError, match=sentence):
        made(name, network, folder, **options)


def test_a_spectrum_can_have_another_power_or_colours(network, folder):
    for name in ("invert", "style", "facets"):
        ours, red_green_blue = made(name, network, folder), made(name, network, folder, priors="usual,colours:rgb")
        steep = made(name, network, folder, priors="usual,spectrum:2.5")
        assert not torch.equal(ours.images, red_green_blue.images)
        assert not torch.equal(ours.images, steep.images)
