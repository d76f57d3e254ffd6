"""Networks side by side: equal to a plain evaluation loop, and what can't be compared is refused."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from typer.testing import CliRunner

import phosphene as ph
from phosphene.measures.calibration import calibration

LABELS = ["ant", "bee", "cat", "dog", "elk", "fox", "gnu"]


def network_of(seed: int, width: int = 4, labels=LABELS) -> ph.Network:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = nn.Sequential(
            nn.Conv2d(3, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width, 7)
        )
    return ph.Network(module.eval(), ph.Preprocessing.plain(size=8), labels)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    for index in range(28):
        path = root / LABELS[index % 7] / f"{index:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)
    (root / "ant" / "zz.png").write_bytes(b"none")
    return root


def test_accuracy_is_that_of_a_plain_loop(folder, unchanged):
    networks = [network_of(0), network_of(1, 6)]
    with unchanged(*(network.module for network in networks)):
        result = ph.compare_networks(networks, folder, batch=5)
    files = sorted(folder.rglob("*.png"))
    for network, row in zip(networks, result.networks, strict=True):
        first = five = 0
        sure, right = [], []
        for path in files:
            if path.name == "zz.png":
                continue
            scores = network.scores(ph.read(path))[0]
            label = LABELS.index(path.parent.name)
            order = scores.argsort(descending=True).tolist()
            first, five = first + (order[0] == label), five + (label in order[:5])
            sure.append(float(scores.softmax(0).max()))
            right.append(order[0] == label)
        assert row.top1.mean == pytest.approx(first / 28)
        assert row.top5.mean == pytest.approx(five / 28)
        assert row.calibration.error == pytest.approx(calibration(np.array(sure), np.array(right)).error, abs=1e-6)
        assert row.cost.parameters == sum(p.numel() for p in network.module.parameters())
        assert row.cost.depth == 2
        assert row.images_per_second > 0
    first = 2 * (3 * 9) * 4 * 36 + 2 * 16 * 7
    assert result.networks[0].cost.operations == pytest.approx(first, rel=0.2)
    assert result.images == result.stated == 28
    assert any("zz.png" in note for note in result.notes)
    assert result.words


def test_calibration_is_its_definition():
    generator = np.random.default_rng(1)
    sure = generator.uniform(0, 1, 500)
    right = generator.uniform(0, 1, 500) < sure**2
    error = 0.0
    for index in range(15):
        inside = (sure >= index / 15) & (sure < (index + 1) / 15)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
    found = calibration(sure, right)
    assert found.error == pytest.approx(error)
    assert found.counts.sum() == 500
    assert calibration(np.ones(3), np.ones(3)).error == 0


def test_agreement_and_disagreement_are_by_names(folder):
    one = network_of(0)
    shuffled = ph.Network(one.module, one.preprocessing, LABELS)
    result = ph.compare_networks([one, shuffled, network_of(5)], folder)
    assert result.agreement[0, 1] == 1
    assert result.agreement[0, 2] == pytest.approx(result.agreement[2, 0])
    for name, pixels, answers in result.disagreed:
        assert name.endswith(".png")
        assert pixels.shape == (8, 8, 3)
        assert answers[0] == answers[1] != answers[2]
    assert len(result.disagreed) <= 6


def test_the_sheet_the_json_and_the_command(folder, tmp_path):
    result = ph.compare_networks([network_of(0), network_of(1)], folder)
    json.dumps(result.to_dict(), allow_nan=False)
    assert result.save(tmp_path / "networks.svg").stat().st_size > 5000
    assert len(result.table().rows) == 2
    unlabelled = ph.compare_networks([network_of(0), network_of(1)], torch.rand(4, 3, 8, 8))
    assert unlabelled.rows[0]["top1"] is None
    assert "no classes are stated" in unlabelled.words
    json.dumps(unlabelled.to_dict(), allow_nan=False)
    assert unlabelled.save(tmp_path / "unlabelled.svg").stat().st_size > 3000
    from phosphene.cli import app

    words = ["networks", "compare", "efficientnet_lite0", "efficientnet_lite0", "--images", str(folder), "--limit", "2"]
    run = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "made.png")])
    assert run.exit_code == 0, run.output
    assert (tmp_path / "made.png").is_file()


@pytest.mark.parametrize(
    ("networks", "options", "words"),
    [
        ([0], {}, "give two at least, not 1"),
        ([0, 1], {"batch": 0}, "at least 1 image"),
        ([0, "maps"], {}, "it is no classifier"),
    ],
)
def test_what_can_not_be_compared_is_refused(folder, networks, options, words):
    maps = ph.Network(nn.Conv2d(3, 4, 1).eval(), ph.Preprocessing.plain(size=8))
    given = [maps if each == "maps" else network_of(each) for each in networks]
    with pytest.raises(ValueError, match=words):
        ph.compare_networks(given, folder, **options)


def test_equal_scores_are_no_right_answers(folder):
    class Constant(nn.Module):
        def forward(self, x):
            return x.flatten(1)[:, :1] * 0 + torch.zeros(7)

    constant = ph.Network(Constant().eval(), ph.Preprocessing.plain(size=8), LABELS)
    result = ph.compare_networks([constant, network_of(0)], folder)
    assert result.networks[0].top1.mean == pytest.approx(1 / 7)  # it answers the first class each time
    assert result.networks[0].top5.mean == pytest.approx(5 / 7)
