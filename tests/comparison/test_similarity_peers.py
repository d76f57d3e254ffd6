"""Similarities are those of other packages on the same features, where the packages are installed."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph

LAYERS = ["0", "1", "logits"]


@pytest.fixture(scope="module")
def networks() -> list[ph.Network]:
    made = []
    for seed in (0, 1):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            module = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 100, 5))
        made.append(ph.Network(module.eval(), ph.Preprocessing.plain(size=12)))
    return made


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.rand(30, 3, 12, 12, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def features(networks, images) -> list[list[torch.Tensor]]:
    """Each network's values at each layer, (N, values), in double precision."""
    recorded = [network.record(images, *LAYERS) for network in networks]
    return [[values[name].detach().flatten(1).double() for name in LAYERS] for values in recorded]


def test_biased_cka_is_that_of_torchlens_over_a_stream(networks, images, features):
    stats = pytest.importorskip("torchlens.stats", reason="torchlens is not installed")
    values = ph.similarity(*networks, images, layers=LAYERS, estimate="biased").values
    for i, one in enumerate(features[0]):
        for j, other in enumerate(features[1]):
            streaming = stats.CKA()
            for rows in torch.arange(len(images)).split(8):
                streaming.update(one[rows], other[rows])
            assert values[i, j] == pytest.approx(streaming.result(), abs=1e-6)


def test_unbiased_cka_is_that_of_pytorch_cka(networks, images, features):
    cka = pytest.importorskip("cka", reason="pytorch-cka is not installed")
    values = ph.similarity(*networks, images, layers=LAYERS, batch=len(images)).values
    # which sets negative values of the unbiased estimate to 0
    np.testing.assert_allclose(values.clip(0), cka.cka_from_features(*features).numpy(), atol=1e-6)


def test_rsa_is_that_of_rsatoolbox(networks, images, features):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rsatoolbox = pytest.importorskip("rsatoolbox", reason="rsatoolbox is not installed")
        rdms = [
            [
                rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(each.numpy()), method="correlation")
                for each in of_network
            ]
            for of_network in features
        ]
        expected = [
            [float(rsatoolbox.rdm.compare(one, other, method="spearman")[0, 0]) for other in rdms[1]] for one in rdms[0]
        ]
    values = ph.similarity(*networks, images, layers=LAYERS, kind="rsa").values
    np.testing.assert_allclose(values, expected, atol=1e-4)  # ranks of distances that are nearly equal may change
