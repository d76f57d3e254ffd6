"""One objective from several starts."""

import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.synthesis.engine.images.image import Fourier


def small() -> ph.Network:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 6, 3, 2, 1))
    usual = ph.Preprocessing((32, 32), resize=(32, 32), mean=(0.4, 0.5, 0.6), std=(0.2, 0.2, 0.2))
    return ph.Network(module.eval(), usual)


def photo() -> ph.Photo:
    pixels = torch.rand(40, 48, 3, generator=torch.Generator().manual_seed(5))
    return ph.read((pixels * 255).to(torch.uint8).numpy())


def test_a_fourier_image_can_start_at_any_image():
    images = torch.rand(2, 3, 17, 24, generator=torch.Generator().manual_seed(0)) * 0.98 + 0.01
    assert torch.allclose(Fourier.of(images)(), images, atol=1e-5)
    assert torch.allclose(Fourier.of(images, decay=0.5, decorrelated=False)(), images, atol=1e-5)


@pytest.mark.parametrize("space", ["fourier", "pixels"])
def test_all_starts_stand_in_one_batch_and_rise(space, unchanged):
    network = small()
    with unchanged(network.module):
        result = ph.starts(network, "2:3", start=photo(), random=2, steps=12, space=space)
    assert result.titles == ("the network's zero", "strong noise", "array", "weak noise 1", "weak noise 2")
    assert result.images.shape == result.begun.shape == (5, 3, 32, 32)
    assert (result.scores > result.begun_scores).all()


def test_zero_is_what_the_network_sees_as_zero():
    result = ph.starts(small(), "2:3", random=0, steps=1)
    colours = result.begun[0].flatten(1).mean(1)
    assert colours.tolist() == pytest.approx([0.4, 0.5, 0.6], abs=1e-3)
    assert float(result.begun[0].flatten(1).std(1).max()) < 1e-4


def test_the_photo_is_seen_as_the_network_sees_it():
    network = small()
    result = ph.starts(network, "2:3", start=photo(), random=0, steps=1, space="pixels")
    seen = network.preprocessing.denormalise(network.inputs(photo()))
    assert torch.allclose(result.begun[2:], seen.clamp(0, 1), atol=1e-6)


def test_starts_that_were_seeded_repeat_to_the_byte():
    first, second, other = (ph.starts(small(), "2:3", start=photo(), steps=5, seed=seed) for seed in (7, 7, 8))
    for name in ("begun", "images", "scores", "history"):
        assert getattr(first, name).numpy().tobytes() == getattr(second, name).numpy().tobytes(), name
    assert not torch.equal(first.images, other.images)


def test_a_start_is_what_the_images_come_from():
    result = ph.starts(small(), "2:3", start=photo(), random=1, steps=3, rate=0.001, space="pixels")
    away = (result.images[:, None] - result.begun[None]).square().flatten(2).mean(2)
    assert away.argmin(1).tolist() == list(range(len(result.images)))


def test_a_spectrum_forgets_its_strong_noise_and_pixels_do_not():
    left = {}
    for space in ("fourier", "pixels"):
        result = ph.starts(small(), "2:3", random=0, steps=60, space=space)
        rough = [(images[1, :, :, 1:] - images[1, :, :, :-1]).std() for images in (result.begun, result.images)]
        left[space] = float(rough[1] / rough[0])
    assert left["fourier"] < 0.6 < left["pixels"]


def test_it_draws_and_tells():
    result = ph.starts(small(), "2:3", random=1, steps=2)
    assert "from 3 starts" in result.picture().caption
    assert result.to_dict()["distances"].keys() == {"starts", "images"}


def test_another_space_is_refused():
    with pytest.raises(ValueError, match="fourier or pixels, not 'wavelets'"):
        ph.starts(small(), "2:3", space="wavelets")
