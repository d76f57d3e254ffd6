"""Several networks on one sheet."""

import json
import sys

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import phosphene as ph
from phosphene.cli import app
from phosphene.picture import read_made
from phosphene.synthesis.side_by_side.targets import at_depth

LABELS = ("hen", "goose", "swan", "crane", "owl", "wren")


class Net(nn.Module):
    def __init__(self, channels: int = 8) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, channels, 3, 2, 1), nn.BatchNorm2d(channels), nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, 3, 2, 1), nn.ReLU(), nn.Conv2d(2 * channels, 6, 1),
        )  # fmt: skip

    def forward(self, x):
        return self.body(x).mean((2, 3))


def networks() -> list[ph.Network]:
    found = []
    for seed, channels in ((0, 8), (1, 5)):
        torch.manual_seed(seed)
        found.append(ph.Network(Net(channels).eval(), ph.Preprocessing.plain(32), LABELS))
    return found


def test_one_class_in_every_network_with_equal_settings(unchanged):
    both = networks()
    with unchanged(*(network.module for network in both)):
        result = ph.side_by_side(both, "logits:goose", images=2, steps=6)
    assert result.images.shape == (4, 3, 32, 32)
    assert result.titles == ("logits:1 (goose)",) * 4
    alone = ph.side_by_side([both[1], both[1]], "logits:goose", images=2, steps=6)
    assert torch.equal(result.images[result.row(1)], alone.images[alone.row(0)])
    assert torch.equal(alone.images[alone.row(0)], alone.images[alone.row(1)])
    for index, network in enumerate(both):
        with torch.no_grad():
            own = network.record(network.normalise(result.images[result.row(index)]), "logits:goose")["logits:goose"]
        assert result.scores[result.row(index)].tolist() == pytest.approx(own.tolist(), rel=1e-4)
        assert (result.scores[result.row(index)] > result.history[0, result.row(index)]).all()


def test_every_network_is_asked_about_all_images():
    both = networks()
    result = ph.side_by_side(both, "logits:goose", images=2, steps=6)
    for made_for in range(2):
        for seen_by in range(2):
            with torch.no_grad():
                images = both[seen_by].normalise(result.images[result.row(made_for)])
                chances = both[seen_by].record(images, "probabilities")["probabilities"]
            judged = result.judged[made_for][seen_by]
            assert judged.probability == pytest.approx(float(chances[:, 1].mean()), rel=1e-4)
            assert judged.seen == sum(1 in row.topk(5).indices for row in chances)


def test_the_same_depth_of_every_network():
    result = ph.side_by_side(networks(), depth=[0, 0.5, 1], channel=4, steps=3)
    assert result.titles == ("body.0:4", "body.3:4", "body.5:4") * 2
    assert result.columns == 3
    assert result.judged == ()
    assert torch.isfinite(result.scores).all()


def test_images_of_several_layers_each_raise_their_own_unit():
    network = networks()[0]
    result = ph.side_by_side([network, network], depth=[0, 1], channel=2, steps=5)
    with torch.no_grad():
        values = network.record(network.normalise(result.images[:2]), "body.0:2", "body.5:2")
    expected = [float(values["body.0:2"][0].mean()), float(values["body.5:2"][1].mean())]
    assert result.scores[:2].tolist() == pytest.approx(expected, rel=1e-4)
    assert torch.equal(result.images[:2], result.images[2:])


def test_depths_count_layers_of_weights_with_places():
    network = networks()[0]
    assert [at_depth(network, share, (32, 32)) for share in (0, 0.49, 0.8, 1)] == [
        "body.0", "body.3", "body.5", "body.5",
    ]  # fmt: skip


def test_steps_go_through_all_networks():
    results = list(ph.side_by_side.steps(networks(), "logits:goose", images=1, steps=3))
    assert [found.step for found in results] == [1, 2, 3, 4, 5, 6]
    assert results[0].steps == 6
    assert {found.frame().shape for found in results} == {results[0].frame().shape}
    assert torch.isnan(results[0].scores[1])  # its turn has not come
    assert results[-1].picture().caption
    assert [len(found.judged) for found in results] == [0, 0, 0, 0, 0, 2]


def test_what_makes_no_sense_is_said():
    both = networks()
    for asked in ({}, {"target": "logits:1", "depth": [0.5]}):
        with pytest.raises(ValueError, match="either a target"):
            ph.side_by_side(both, **asked)
    with pytest.raises(ValueError, match="two networks or more"):
        ph.side_by_side(both[:1], "logits:1")
    with pytest.raises(TypeError, match="list of networks"):
        ph.side_by_side(both[0], "logits:1")
    with pytest.raises(ValueError, match="from 0 to 1, not 2"):
        ph.side_by_side(both, depth=[2])
    with pytest.raises(LookupError, match="gull"):
        ph.side_by_side(both, "logits:gull")


MODULE = """
import torch
from torch import nn

def small():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.Conv2d(4, 6, 3))

def large():
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(3, 8, 5, 2), nn.ReLU(), nn.Conv2d(8, 6, 3))
"""


@pytest.fixture
def specs(tmp_path, monkeypatch):
    """Two networks that code builds, by name."""
    (tmp_path / "pair_of_networks.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield ["pair_of_networks:small", "pair_of_networks:large"]
    sys.modules.pop("pair_of_networks", None)


def test_one_command_takes_several_networks(specs):
    words = ["side-by-side", *specs, "--depth", "0", "--depth", "1", "--channel", "2", "--size", "24", "--steps", "2"]
    ran = CliRunner().invoke(app, [*words, "--json"])
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout)
    assert told["names"] == specs
    assert told["titles"] == ["0:2", "logits:2"] * 2


def test_a_picture_of_several_networks_is_made_again(specs):
    both = [ph.load(spec) for spec in specs]
    saved = ph.side_by_side(both, depth=[1], channel=2, size=24, steps=2).save("both.png")
    assert len(read_made(saved)["made"]["networks"]["networks"]) == 2
    made = ph.again(saved, trust=True).save("again.png")
    assert made.read_bytes() == saved.read_bytes()
    with pytest.raises(ValueError, match="Python code"):
        ph.again(saved)


def test_all_classes_at_once_and_maps_of_classes_are_not_judged():
    both = networks()
    found = ph.side_by_side(both, "logits", images=2, steps=1)
    assert found.judged == ()
    mapping = [ph.Network(network.module.body, ph.Preprocessing.plain(32), LABELS) for network in both]
    assert ph.side_by_side(mapping, "logits:goose", images=2, steps=1).judged == ()
    assert ph.side_by_side(both, "logits:goose", images=2, steps=1).judged


def test_progress_is_of_what_has_begun_and_no_depth_is_told():
    first = next(ph.side_by_side.steps(networks(), "logits:goose", steps=2))
    assert "nan" not in first.progress.lower()
    assert "–" not in first.progress
    with pytest.raises(ValueError, match="no depth was given"):
        ph.side_by_side(networks(), depth=[])


class Deep(nn.Module):
    """A network whose units have long addresses."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.the_first_of_several_stages = nn.ModuleDict(
            {
                "a_block_of_many_layers": nn.Sequential(
                    nn.Conv2d(3, channels, 3, 2), nn.ReLU(), nn.Conv2d(channels, 6, 3)
                )
            }
        )

    def forward(self, x):
        return self.the_first_of_several_stages["a_block_of_many_layers"](x).mean((2, 3))


def test_networks_stand_beside_each_other_with_whole_labels():
    both = [networks()[0], ph.Network(Deep(4).eval(), ph.Preprocessing.plain(32), LABELS)]
    result = ph.side_by_side([*both, both[0]], depth=[0, 1], channel=2, steps=1)
    marks = result.picture().drawing.marks
    images = [mark for mark in marks if hasattr(mark, "pixels")]
    words = [mark for mark in marks if hasattr(mark, "string")]
    columns = sorted({round(image.left) for image in images})
    rows = sorted({round(image.top) for image in images})
    assert (len(columns), len(rows)) == (3, 2)  # a network a column, a depth a row, level
    text = "".join(mark.string for mark in words).replace(" ", "")
    for title, score in zip(result.titles, result.scores, strict=True):
        assert f"{title}·{ph.picture.compact(float(score))}" in text
    assert not any("…" in mark.string for mark in words)


@pytest.mark.parametrize("count", [2, 5, 6, 11])
def test_any_number_of_networks_fits_on_the_sheet(count):
    result = ph.side_by_side([*networks() * 6][:count], "logits:goose", images=2, steps=1)
    drawing = result.picture().drawing
    images = [mark for mark in drawing.marks if hasattr(mark, "pixels")]
    assert len(images) == 2 * count
    assert max(image.left + image.width for image in images) <= drawing.width
    assert result.frame().shape[1] == 32 * count + (count - 1) * (result.frame().shape[0] - 64)
