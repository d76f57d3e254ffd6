"""Caricature: the inner product grows from the photo's own, by the formula, and the image stays in range."""

import pytest
import torch

import phosphene as ph


@pytest.fixture
def images(network):
    generator = torch.Generator().manual_seed(1)
    small = torch.rand(2, 3, 5, 5, generator=generator, dtype=torch.float64)
    return network.normalise(torch.nn.functional.interpolate(small, size=24, mode="bicubic").clamp(0.05, 0.95))


@pytest.mark.parametrize("layer", ["2", "4", "3:1", "logits"])
def test_the_inner_product_grows_from_one(network, images, layer, unchanged):
    with unchanged(network.module):
        steps = list(ph.caricature.steps(network, images, layer, steps=20, robust=False))
    assert torch.allclose(steps[0].products, torch.ones(2, dtype=torch.float64), atol=1e-6)
    assert (steps[-1].products > 1.05).all()
    assert steps[-1].images.min() >= 0
    assert steps[-1].images.max() <= 1


def test_products_are_the_papers_formula(network, images):
    found = ph.caricature(network, images, "2", steps=4)
    with torch.no_grad():
        own = network.record(images, "2")["2"]
        now = network.record(network.normalise(found.images), "2")["2"]
    by_hand = [float((a * b).sum() / (a * a).sum()) for a, b in zip(own, now, strict=True)]
    assert found.products.tolist() == pytest.approx(by_hand, rel=1e-6)


def test_the_same_seed_gives_the_same_images(network, images):
    first, second, other = (ph.caricature(network, images, "2", steps=3, seed=seed).images for seed in (3, 3, 4))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_a_dearer_prior_keeps_the_image_smoother(network, images):
    cheap, dear = (ph.caricature(network, images, "2", steps=15, prior=p, robust=False) for p in (0.0, 2.0))
    variation = next(name for name in cheap.parts if name.startswith("total variation"))
    assert (dear.parts[variation] < cheap.parts[variation]).all()


def test_it_is_drawn(network, images, tmp_path):
    found = ph.caricature(network, images, "2", steps=2)
    assert found.save(tmp_path / "caricature.png").is_file()
    assert found.frame().dtype.name == "uint8"
    assert len(found.to_dict()["products"]) == 2


def test_a_real_network_exaggerates_the_cat():
    network = ph.load()
    photo = torch.nn.functional.interpolate(network.prepare(ph.read("src/phosphene/photos/cat.jpg")), size=64)
    assert float(ph.caricature(network, photo, "blocks.1", steps=12).products) > 1.05
