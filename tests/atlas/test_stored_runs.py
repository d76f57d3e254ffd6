"""Two runs that were stored are compared as two networks are, and only where their images are the same."""

import json

import numpy as np
import pytest
import torch
from atlas_helpers import build, draw
from PIL import Image
from torch import nn

import phosphene as ph
from phosphene.atlas.similarity import atlas_similarity
from phosphene.atlas.store.hashes import hashes_of

LAYERS = ["1", "3"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    root = tmp_path_factory.mktemp("photos")
    for index in range(20):
        Image.fromarray(draw(index)).save(root / f"{index:02}.png")
    return root


def network_of(seed: int) -> ph.Network:
    module = build()
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        for part in module.modules():
            if isinstance(part, nn.Conv2d):
                part.reset_parameters()
    return ph.Network(module, ph.Preprocessing((32, 32), resize=(36, 36)))


@pytest.fixture(scope="module")
def networks():
    return network_of(1), network_of(2)


@pytest.fixture(scope="module")
def atlases(networks, photos, tmp_path_factory):
    root = tmp_path_factory.mktemp("atlases")
    return [
        ph.Atlas.build(network, photos, root / name, layers="0", features=LAYERS, pool="none")
        for name, network in zip("ab", networks, strict=True)
    ]


BIASED = {"kind": "cka", "estimate": "biased", "kernel": "rbf"}


@pytest.mark.parametrize("asked", [*({"kind": kind} for kind in ("cka", "rsa", "procrustes", "cca")), BIASED])
def test_stored_runs_are_as_alike_as_their_networks(networks, photos, atlases, asked):
    stored = atlases[0].similarity(atlases[1], **asked, batch=8)
    direct = ph.similarity(*networks, photos, layers=LAYERS, **asked, batch=8)
    for part in ("values", "low", "high", "chance"):
        np.testing.assert_allclose(getattr(stored, part), getattr(direct, part), atol=1e-4)
    assert (stored.images, stored.hash, stored.rest) == (direct.images, direct.hash, direct.rest)
    assert stored.layers == direct.layers
    assert not stored.same
    assert "features as the atlases keep them: all values" in " ".join(stored.notes)


def test_a_limit_is_spread_as_over_a_folder(networks, photos, atlases):
    asked = {"batch": 5, "limit": 14, "kernel": "rbf"}
    stored = atlas_similarity(atlases[0].path, atlases[1].path, layers="1", layers_b=["3"], **asked)
    direct = ph.similarity(*networks, photos, layers="1", layers_b="3", **asked)
    np.testing.assert_allclose(stored.values, direct.values, atol=1e-4)
    assert (stored.images, stored.hash, stored.rest) == (direct.images, direct.hash, direct.rest)


def test_an_atlas_beside_itself_is_the_same(atlases, tmp_path):
    result = atlas_similarity(atlases[0], atlases[0], batch=10)
    np.testing.assert_allclose(result.values.diagonal(), 1, atol=1e-6)
    assert result.same
    json.dumps(result.to_dict(), allow_nan=False)
    result.save(tmp_path / "first.png")
    ph.again(tmp_path / "first.png").save(tmp_path / "second.png")
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
    from phosphene.instrument.recipe import command_for, python_for

    assert f"phosphene atlas similarity {atlases[0].path} {atlases[0].path} --batch 10" in command_for(result.made)
    assert f"atlas.similarity({atlases[0].path!r}, batch=10)" in python_for(result.made)


def test_images_that_differ_or_lie_in_another_order_are_refused(networks, photos, atlases, tmp_path):
    files = sorted(photos.glob("*.png"))
    fewer = ph.Atlas.build(networks[1], [str(file) for file in files[:-2]], tmp_path / "fewer", features=LAYERS)
    turned = ph.Atlas.build(networks[1], [str(file) for file in reversed(files)], tmp_path / "turned", features=LAYERS)
    with pytest.raises(ValueError, match=r"differ by the hashes of their files: 2 are in the first alone and 0 in"):
        atlases[0].similarity(fewer)
    with pytest.raises(ValueError, match="the same but lie in another order, from number 1 on"):
        atlases[0].similarity(turned)
    Image.fromarray(draw(99)).save(tmp_path / "other.png")
    changed = [str(tmp_path / "other.png"), *map(str, files[1:])]
    with pytest.raises(ValueError, match="1 are in the first alone and 1 in the second alone"):
        atlases[0].similarity(ph.Atlas.build(networks[1], changed, tmp_path / "changed", features=LAYERS))


def test_an_atlas_that_was_killed_keeps_one_hash_an_image(networks, photos, tmp_path, monkeypatch):
    from phosphene.atlas.sweep import sweep

    monkeypatch.setattr(sweep, "EVERY_S", 0.0)
    steps = ph.Atlas.building(networks[0], photos, tmp_path / "a", features=LAYERS, layers="0", batch=3)
    for _ in range(3):
        next(steps)
    steps.close()
    half = ph.Atlas(tmp_path / "a", networks[0])
    assert len(hashes_of(half.store, half.sweeps()[0])[1]) == 9
    whole = ph.Atlas.build(networks[0], photos, tmp_path / "a", features=LAYERS, layers="0", batch=3)
    expected = [ph.read(file).sha256 for file in sorted(photos.glob("*.png"))]
    assert hashes_of(whole.store, whole.sweeps()[0])[1] == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layers": "6"}, "holds no features of '6'"),
        ({"kind": "cosine"}, "a similarity is cka, rsa, procrustes, cca"),
        ({"estimate": "some"}, "an estimate is unbiased or biased"),
        ({"batch": 3}, "a batch has 4 images at least"),
        ({"limit": 3}, "cka needs 4 images at least, and there are 3"),
        ({"limit": 0}, "at least 1, not 0"),
        ({"width": 0}, "above 0"),
    ],
)
def test_what_can_not_be_compared_is_refused_in_one_sentence(atlases, options, words):
    with pytest.raises((ValueError, LookupError), match=words):
        atlases[0].similarity(atlases[1], **options)


def test_an_atlas_without_hashes_is_refused(networks, photos, tmp_path, atlases):
    old = ph.Atlas.build(networks[0], photos, tmp_path / "old", features=LAYERS, layers="0")
    old.store.db.drop_table(f"{old.sweeps()[0].name}.hashes")
    with pytest.raises(ValueError, match="kept no hashes of its images"):
        atlas_similarity(ph.Atlas(tmp_path / "old"), atlases[1])


def test_the_command_takes_two_atlases(atlases, tmp_path):
    from typer.testing import CliRunner

    from phosphene.cli import app

    done = CliRunner().invoke(
        app, ["atlas", "similarity", *(atlas.path for atlas in atlases), "--batch", "10", "--json"]
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["images"] == 20
