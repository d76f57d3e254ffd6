"""Style: Gram matrices by hand, losses by the formula, both fall, ratios trade one for the other."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.synthesis.style import gram_matrix


@pytest.fixture
def wide():
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 10, 3, 2)
    ).double()  # fmt: skip
    return ph.Network(module, ph.Preprocessing((32, 32)))


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(2)
    small = torch.rand(2, 3, 6, 6, generator=generator, dtype=torch.float64)
    large = nn.functional.interpolate(small, size=28, mode="bicubic").clamp(0, 1)
    return large[:1], large[1:, :, :24]


def test_gram_matrices_are_averaged_products_of_channels():
    features = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0)).double()
    for image, found in zip(features, gram_matrix(features), strict=True):
        slow = [
            [sum(float(a * b) for a, b in zip(image[i], image[j], strict=True)) / 5 for j in range(3)] for i in range(3)
        ]
        assert torch.allclose(found, torch.tensor(slow).double())


def losses_by_hand(network, x, content, style, layers, kept):
    style_loss = 0.0
    for layer in layers:
        grams = []
        for image in (x, style):
            maps = network.record(network.normalise(image), layer)[layer][0].flatten(1)
            grams.append(torch.einsum("ip,jp->ij", maps, maps) / maps.shape[1])
        style_loss += float(((grams[0] - grams[1]) ** 2).sum() / (grams[1] ** 2).sum()) / len(layers)
    now, own = (network.record(network.normalise(image), kept)[kept] for image in (x, content))
    return float(((now - own) ** 2).sum() / (own**2).sum()), style_loss


def test_losses_are_the_formula(wide, pair, unchanged):
    content, manner = pair
    with unchanged(wide.module):
        found = ph.style(wide, content, manner, layers=["1", "3", "4"], content_layer="3", ratios=[0.1, 2.0], steps=3)
    for index in range(2):
        wanted = losses_by_hand(wide, found.images[index : index + 1], content, manner, ["1", "3", "4"], "3")
        got = float(found.parts["content loss"][index]), float(found.parts["style loss"][index])
        assert got == pytest.approx(wanted, rel=1e-6)


def test_both_losses_fall_from_noise(wide, pair):
    found = ph.style(wide, *pair, layers=["1", "3"], start="noise", steps=10, ratio=0.5)
    for name, way in found.losses.items():
        assert way[-1] < 0.5 * way[0], name


def test_from_the_content_the_style_loss_falls_and_the_content_stays(wide, pair):
    found = ph.style(wide, *pair, layers=["1", "3"], steps=8, ratio=1.0)
    assert found.losses["content loss"][0] < 1e-3
    assert found.losses["style loss"][-1] < found.losses["style loss"][0]
    assert found.parts["content loss"] < 0.5


def test_a_larger_ratio_keeps_more_content(wide, pair):
    found = ph.style(wide, *pair, layers=["1", "3"], ratios=[0.01, 10.0], steps=12)
    content, manner = found.parts["content loss"], found.parts["style loss"]
    assert content[1] < content[0]
    assert manner[0] < manner[1]


def test_ratios_in_one_batch_come_out_as_alone(wide, pair):
    both = ph.style(wide, *pair, layers=["1", "3"], ratios=[0.01, 10.0], steps=2)
    alone = ph.style(wide, *pair, layers=["1", "3"], ratio=10.0, steps=2)
    assert torch.allclose(both.images[1:], alone.images, atol=1e-6)


def test_layers_are_chosen_where_none_are_named(wide, pair, tmp_path):
    found = ph.style(wide, *pair, steps=2)
    assert "Gram matrices of" in found.how
    assert found.save(tmp_path / "style.png").is_file()
    with pytest.raises(ValueError, match="content or noise"):
        ph.style(wide, *pair, start="photo")
    with pytest.raises(ValueError, match="ratio"):
        ph.style(wide, *pair, ratio=-1.0)


def test_a_real_network_takes_on_the_manner():
    photo, manner = (ph.read(f"src/phosphene/photos/{name}.jpg") for name in ("cat", "coffee"))
    found = ph.style(ph.load(), photo, manner, size=80, steps=5)
    assert found.losses["style loss"][-1] < 0.5 * found.losses["style loss"][0]


def test_images_too_small_for_any_layer_are_told():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 8, 3, 2, 1), nn.ReLU())
    dot = ph.read(np.full((1, 1, 3), 100, np.uint8))
    with pytest.raises(ValueError, match="no layer with a grid of places at 1 × 1 px"):
        ph.style(ph.Network(module.eval(), ph.Preprocessing((32, 32))), dot, dot, steps=1)


def vgg_like():
    """Five sizes of maps as VGG-16 has them, two rectified layers each, and a last pooling that computes nothing."""
    layers, before = [], 3
    for _ in range(5):
        for _ in range(2):
            layers += [nn.Conv2d(before, 4, 3, padding=1), nn.ReLU(inplace=True)]
            before = 4
        layers.append(nn.MaxPool2d(2))
    torch.manual_seed(0)
    return ph.Network(nn.Sequential(OrderedDict(features=nn.Sequential(*layers))).eval(), ph.Preprocessing((64, 64)))


def test_defaults_are_the_papers_layers_on_a_network_of_its_kind():
    """relu1_1 to relu5_1 and relu4_2, whether or not the last pooling stands in a module with parameters."""
    photo = ph.read(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    found = ph.style(vgg_like(), photo, photo, steps=1)
    layers = ", ".join(f"features.{at}" for at in (1, 6, 11, 16, 21))
    assert found.how.startswith(f"content of features.18, Gram matrices of {layers}, from content")
    named = ph.style(vgg_like(), photo, photo, steps=1, layers=["features.1", "features.6", "features.11"])
    assert named.how.startswith("content of features.6,")


def test_a_seed_and_a_ratio_that_are_none_are_told(wide, pair):
    with pytest.raises(ValueError, match="ratio is a number of at least 0, not 'a'"):
        ph.style(wide, *pair, ratio="a", steps=1)
    with pytest.raises(ValueError, match="seed is a whole number"):
        ph.style(wide, *pair, start="noise", seed=2**70, steps=1)
    with pytest.raises(ValueError, match="rate is a number of at least 0, not 'a'"):
        ph.synthesize(wide, "1:0", rate="a", steps=1)
    with pytest.raises(TypeError, match="seed is a whole number, not 'a'"):
        ph.synthesize(wide, "1:0", seed="a", steps=1)
