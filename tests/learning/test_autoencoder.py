"""Autoencoders: PCA is the best linear one, noise is removed, codes have units."""

import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

from phosphene.learning import data_set, make
from phosphene.learning.sets.examples import TensorExamples
from phosphene.learning.systems.codes.autoencoder import ERROR, OF_PCA, pca_error


@pytest.fixture(scope="module")
def points():
    chance = torch.Generator().manual_seed(0)
    scales = torch.tensor([3.0, 2.0, 1.5, 0.3, 0.2, 0.1])
    turn = torch.linalg.qr(torch.randn(6, 6, generator=chance)).Q
    return TensorExamples((torch.randn(600, 6, generator=chance) * scales) @ turn + 1.0)


def test_a_linear_autoencoder_learns_the_subspace_and_the_error_of_pca(points):
    system = make("autoencoder", codes=3, hidden=0).fit(points, steps=900, batch=600, rate=0.03)
    pca = PCA(3).fit(points.x.numpy())
    decoder = system.decoder[0].weight.detach().numpy()  # (6, 3)
    assert subspace_angles(decoder, pca.components_.T).max() < 1e-2
    numbers = system.evaluate(points)
    assert numbers[ERROR] == pytest.approx(numbers[OF_PCA], rel=1e-2)
    assert numbers[ERROR] >= numbers[OF_PCA] - 1e-6


def test_the_error_of_pca_is_scikit_learns(points):
    x = points.x.double().numpy()
    pca = PCA(2).fit(x)
    expected = ((pca.inverse_transform(pca.transform(x)) - x) ** 2).mean()
    assert pca_error(points, 2) == pytest.approx(expected, rel=1e-9)


def test_codes_have_about_mean_0_and_spread_1_and_decode_back():
    held = data_set("digits")
    system = make("autoencoder", codes=6, hidden=40).fit(held.train, steps=300, rate=2e-3, schedule="cosine")
    x = held.test.batch(torch.arange(len(held.test))).x
    codes = system.encode(x)
    assert codes.mean(0).abs().max() < 0.4
    assert ((codes.std(0) > 0.75) & (codes.std(0) < 1.25)).all()
    assert torch.allclose(system.decode(codes[:20]), system.decoder(system.encoder(x[:20])), atol=1e-5)


@pytest.mark.parametrize(("corruption", "noise"), [("mask", 0.4), ("gaussian", 0.5)])
def test_a_denoising_autoencoder_restores_noisy_images_better_than_a_plain_one(corruption, noise):
    held = data_set("digits")
    recipe = {"steps": 400, "rate": 4e-3, "seed": 0}
    settings = {"codes": 16, "hidden": 60, "noise": noise, "corruption": corruption}
    denoising = make("denoising-autoencoder", **settings).fit(held.train, **recipe)
    plain = make("autoencoder", codes=16, hidden=60).fit(held.train, **recipe)
    plain.config = denoising.config  # so that it is measured on the same noisy images
    name = "of images with noise on them"
    assert denoising.evaluate(held.test)[name] < 0.9 * plain.evaluate(held.test)[name]


def test_masks_hide_the_share_that_is_asked_for():
    system = make("denoising-autoencoder", shape=(100,))
    assert system.config.noise == 0.3
    hidden = (system.corrupted(torch.ones(400, 100)) == 0).float().mean()
    assert float(hidden) == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"codes": 64}, "codes of 1 to 63 numbers, not 64"),
        ({"noise": 1.0}, "a share from 0 to below 1"),
        ({"noise": -0.1, "corruption": "gaussian"}, "sigma from 0"),
        ({"corruption": "salt"}, "'mask' or 'gaussian', not 'salt'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        make("autoencoder", shape=(1, 8, 8), **settings)
