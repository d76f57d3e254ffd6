import copy

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.atlas.search import features
from phosphene.atlas.search.features import features_of, features_sweep, vectors_of
from phosphene.atlas.store import tables
from phosphene.atlas.store.store import Store
from phosphene.atlas.store.work import Work


def begun(path, *works):
    """An atlas whose sweeps have begun, and have not run."""
    store = Store(path, create=True)
    return [store.begin(network, work) for network, work in works]


@pytest.fixture
def other(network):
    module = copy.deepcopy(network.module)
    nn.init.zeros_(module[0].weight)
    return ph.Network(module, network.preprocessing)


def test_features_that_are_not_named_are_the_first_that_are_kept(network, tmp_path):
    units, first, second = begun(
        tmp_path / "a", (network, Work(("0",))), (network, Work((), ("3", "6"))), (network, Work((), ("2",)))
    )
    atlas = ph.Atlas(tmp_path / "a")
    for asked in (None, "features"):
        assert features_sweep(atlas, asked) == (first, "3")
        assert features_sweep(atlas, asked, second.name) == (second, "2")
    assert features_sweep(atlas, "6") == (first, "6")
    assert features_sweep(atlas, "2") == (second, "2")
    with pytest.raises(LookupError, match=r"keeps no features; build it with features="):
        features_sweep(atlas, None, units.name)
    with pytest.raises(LookupError, match=r"has no sweep 'x'; it has Sequential, Sequential-2, Sequential-3"):
        features_sweep(atlas, None, "x")
    with pytest.raises(LookupError, match=r"holds no features of '0'"):
        features_sweep(atlas, "0")


def test_a_layer_may_be_called_features(network, tmp_path):
    first, second = begun(tmp_path / "a", (network, Work((), ("3",))), (network, Work((), ("6", "features"))))
    atlas = ph.Atlas(tmp_path / "a")
    assert features_sweep(atlas, "features") == (second, "features")
    assert features_sweep(atlas, None) == (first, "3")


def test_the_network_that_an_atlas_is_opened_with_is_meant_first(network, other, tmp_path):
    first, second = begun(tmp_path / "a", (network, Work((), ("3",))), (other, Work((), ("3",))))
    assert features_sweep(ph.Atlas(tmp_path / "a", network), None) == (first, "3")
    with pytest.raises(ValueError, match="several networks have features"):
        features_sweep(ph.Atlas(tmp_path / "a"), None)
    assert (
        features_sweep(ph.Atlas(tmp_path / "a", other), None)
        == features_sweep(ph.Atlas(tmp_path / "a", other), "3")
        == (second, "3")
    )
    with pytest.raises(ValueError, match=r"several networks have a layer '3'"):
        features_sweep(ph.Atlas(tmp_path / "a"), "3")


@pytest.mark.parametrize("half", [False, True])
def test_photos_features_are_made_in_batches_and_rounded_as_the_sweep_s(network, folder, tmp_path, half, monkeypatch):
    (sweep,) = begun(tmp_path / "a", (network, Work((), ("3",), pool="max", half=half)))
    files = [*sorted((folder / "a").glob("*.png"))[:3], ph.read(folder / "b" / "01.png")]
    monkeypatch.setattr(features, "TOGETHER", 3)
    found = features_of(network, sweep, "3", files)
    wanted = torch.cat([network.record(ph.read(file), "3")["3"].amax((2, 3)) for file in files])
    assert found.dtype == (np.float16 if half else np.float32)
    np.testing.assert_allclose(found, wanted.numpy().astype(found.dtype), rtol=1e-6)


def test_what_a_table_holds_is_found_by_number_in_single_precision(network, tmp_path):
    store = Store(tmp_path / "a", create=True)
    vectors = np.random.default_rng(0).standard_normal((40, 6)).astype(np.float16)
    numbers = [3 * at for at in reversed(range(40))]
    table = store.db.create_table(tables.features_table("one", "3"), tables.of_features(numbers, vectors, True))
    found = vectors_of(table, [9, 10, 0, 117])
    assert sorted(found) == [0, 9, 117]
    assert all((found[at] == vectors[numbers.index(at)].astype(np.float32)).all() for at in found)
    assert found[0].dtype == np.float32
    assert vectors_of(table, []) == {}
