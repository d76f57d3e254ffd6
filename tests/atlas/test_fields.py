"""What units see, as an atlas keeps it: the same as the network says, and patches need no network."""

import json

import numpy as np
import pytest
import torch
from atlas_helpers import build
from PIL import Image
from torch import nn
from typer.testing import CliRunner

import phosphene as ph
import phosphene.cli
from phosphene.atlas.store import tables
from phosphene.atlas.store.fields import Fields
from phosphene.network import UNKNOWN, Box


class Branches(nn.Module):
    """Branches that see differently much, irregular pooling, a flip, and scores."""

    def __init__(self):
        super().__init__()
        self.one, self.three = nn.Conv2d(3, 2, 1, 2), nn.Conv2d(3, 3, 3, 2, 1)
        self.pool = nn.AdaptiveAvgPool2d(5)
        self.head = nn.Linear(5, 4)

    def forward(self, x):
        joined = torch.cat([self.one(x), self.three(x), self.one(x)], 1)
        pooled = self.pool(joined).flip(2)
        return self.head(pooled.mean((2, 3))[:, :5])


class Unfollowed(nn.Module):
    """A Fourier transform, of whose places nobody says what they see."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3)

    def forward(self, x):
        return self.conv(torch.fft.fft2(x).real).mean((2, 3))


NETWORKS = {"plain": build, "branches": Branches, "unfollowed": Unfollowed}


@pytest.mark.parametrize("kind", NETWORKS)
def test_what_an_atlas_keeps_of_what_units_see_is_what_the_network_says(kind):
    torch.manual_seed(0)
    network = ph.Network(NETWORKS[kind]().eval(), ph.Preprocessing.plain((24, 32)))
    compared = unknown = 0
    for layer in network.layers():
        if layer.layout is None and len(layer.shape) != 1:
            continue
        read_back = Fields.from_json(Fields.of(network, layer.name).to_json())
        channels, rows, columns = layer.maps_shape
        assert read_back.channels == channels
        assert read_back.words == str(network.receptive_field(layer.name))
        for channel in range(channels):
            run = read_back.channel(channel)
            assert run.field == network.receptive_field(f"{layer.name}:{channel}")
            for place in np.ndindex(rows, columns):
                wanted = network.receptive_field(f"{layer.name}:{channel}", place)
                assert run.box(*place) == (wanted if isinstance(wanted, Box) else None)
                unknown += wanted is UNKNOWN
                compared += 1
        with pytest.raises(LookupError, match=f"{channels} channels"):
            read_back.channel(channels)
    assert compared > 100
    assert (unknown > 0) == (kind == "unfollowed")


def test_channels_that_see_alike_are_kept_as_one_run():
    network = ph.Network(Branches().eval(), ph.Preprocessing.plain((24, 32)))
    assert [run.channels for run in Fields.of(network, "cat").runs] == [2, 3, 2]
    assert [run.channels for run in Fields.of(network, "three").runs] == [3]


@pytest.fixture
def given(network, folder, tmp_path):
    """An atlas of a network that was given as a module: nothing says how to open it again."""
    return ph.Atlas.build(network, folder, tmp_path / "own.atlas", layers=["0", "3", "logits"], features="2", k=4)


def shown(result):
    return json.loads(json.dumps(result.to_dict())), np.asarray(result.picture().image())


def test_patches_and_layers_are_shown_without_the_network(given, network):
    alone, beside = ph.Atlas(given.path), ph.Atlas(given.path, network)
    for ask in (
        lambda atlas: atlas.patches("3:2"),
        lambda atlas: atlas.patches("logits:b"),
        lambda atlas: atlas.layer("3", units=5),
    ):
        (one, first), (other, second) = shown(ask(alone)), shown(ask(beside))
        assert one == other
        assert np.array_equal(first, second)
    assert alone.patches("logits:b").title == "logits:1 (b)"
    with pytest.raises(
        LookupError, match=r"logits of Sequential has 5 channels \(0 to 4\), no 7|class 7 does not exist"
    ):
        alone.patches("logits:7")
    with pytest.raises(LookupError, match=r"3 of Sequential has 12 channels \(0 to 11\), no 12"):
        alone.patches("3:12")


@pytest.mark.parametrize("asked", [{"projection": True}, {"synthesis": True, "steps": 1}])
def test_what_needs_the_network_asks_for_it_in_one_sentence(given, asked):
    with pytest.raises(
        ValueError, match=r"Sequential was given as a module.*--network module:function.*Atlas\(path, net"
    ):
        ph.Atlas(given.path).patches("3:2", **asked)


def test_the_command_line_shows_them_too(given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    for line in ("patches own.atlas 3:2 --out unit.png", "layer own.atlas 3 --out layer.png"):
        done = runner.invoke(phosphene.cli.app, ["atlas", *line.split()])
        assert done.exit_code == 0, done.output
        with Image.open(tmp_path / line.split()[-1]) as picture:
            assert picture.width > 500
    refused = runner.invoke(phosphene.cli.app, ["atlas", "patches", "own.atlas", "3:2", "--synthesis"])
    assert refused.exit_code == 2
    assert "--network module:function" in " ".join(refused.stderr.split())


def test_an_atlas_that_has_not_noted_them_asks_the_network_until_it_is_built_again(given, network, folder):
    wanted = ph.Atlas(given.path).patches("3:2").to_dict()
    name = tables.fields_table(given.sweeps()[0].name)
    given.store.db.drop_table(name)
    with pytest.raises(ValueError, match="given as a module"):
        ph.Atlas(given.path).patches("3:2")
    assert ph.Atlas(given.path, network).patches("3:2").to_dict() == wanted
    assert list(ph.Atlas.building(network, folder, given.path, layers=["0", "3", "logits"], features="2", k=4)) == []
    assert ph.Atlas(given.path).patches("3:2").to_dict() == wanted


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"words": "x"}', '{"words": "x", "runs": [{"channels": 3, "field": "SOME", "edges": null}]}',
     '{"words": "x", "runs": [{"channels": 3, "field": "WHOLE", "edges": [[], [], [0], [1]]}]}',
     '{"words": "x", "runs": [{"channels": 3, "field": "WHOLE", "edges": [[0], [1], ["a"], [1]]}]}'],
)  # fmt: skip
def test_what_is_no_account_of_fields_is_refused_in_a_sentence(text):
    with pytest.raises(ValueError, match="what its units see can't be read"):
        Fields.from_json(text)
