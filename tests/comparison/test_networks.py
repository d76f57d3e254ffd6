"""Networks side by side: equal to a plain evaluation loop, and what can't be compared is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from typer.testing import CliRunner

import phosphene as ph
from phosphene.comparison.networks.memory import peak_bytes
from phosphene.measures.calibration import calibration
from phosphene.measures.intervals import Interval

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
    assert len(result.notes) == 1
    assert "zz.png" in result.notes[0]
    assert result.words
    wrong = [
        {path.name for path in files if path.name != "zz.png" and best(network, path) != path.parent.name}
        for network in networks
    ]
    common = len(wrong[0] & wrong[1]) / len(wrong[0] | wrong[1])
    assert 0 < common < 1
    assert result.errors[0, 1] == result.errors[1, 0] == pytest.approx(common)


def best(network: ph.Network, path) -> str:
    return LABELS[int(network.scores(ph.read(path))[0].argmax())]


def test_calibration_is_its_definition():
    generator = np.random.default_rng(1)
    sure = generator.uniform(0, 1, 500)
    right = generator.uniform(0, 1, 500) < sure**2
    error = 0.0
    for index in range(15):
        inside = (sure >= index / 15) & (sure < (index + 1) / 15)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
    binned = calibration(sure, right)
    assert binned.error == pytest.approx(error)
    assert binned.counts.sum() == 500
    assert calibration(np.ones(3), np.ones(3)).error == 0


def test_agreement_and_disagreement_are_by_names(folder):
    one = network_of(0)
    turned = network_of(0, labels=LABELS[::-1])  # the same answers, its classes in another order
    for part in turned.module[-1].parameters():
        part.data = part.data.flip(0)
    result = ph.compare_networks([one, turned, network_of(5)], folder)
    assert [row["network"] for row in result.rows] == ["Sequential (1)", "Sequential (2)", "Sequential (3)"]
    assert result.rows[0]["top1"] == result.rows[1]["top1"]
    assert result.agreement[0, 1] == 1
    assert result.agreement[0, 2] == pytest.approx(result.agreement[2, 0])
    for name, pixels, answers in result.disagreed:
        assert name.endswith(".png")
        assert pixels.shape == (8, 8, 3)
        assert answers[0] == answers[1] != answers[2]
    assert len(result.disagreed) <= 6


def test_classes_that_begin_alike_are_not_one(folder):
    cranes = ["crane, bird", "crane, machine", *LABELS[2:]]
    networks = [network_of(0, labels=cranes), network_of(1, labels=cranes)]
    for number, network in enumerate(networks):  # one always says bird, the other machine
        nn.init.zeros_(network.module[-1].weight)
        network.module[-1].bias.data = 9.0 * torch.eye(7)[number]
    assert ph.compare_networks(networks, folder).agreement[0, 1] == 0
    networks[1] = ph.Network(networks[1].module, networks[1].preprocessing, [*cranes[:6], "yak"])
    assert ph.compare_networks(networks, folder).agreement[0, 1] == 0


def test_images_of_classes_that_a_network_has_not_are_left_out_and_counted(folder):
    fewer = network_of(1, labels=["Ant", "bee", "cat", "u", "v", "w", "x"])
    result = ph.compare_networks([network_of(0), fewer], folder)
    assert (result.images, result.stated) == (28, 12)
    assert "accuracy leaves out 16 images of classes that Sequential (2) has not" in result.notes
    none = ph.compare_networks([network_of(0), network_of(1, labels=list("tuvwxyz"))], folder)
    assert none.rows[0]["top1"] is None
    assert "fewer than two images state a class that all networks have" in none.words


def test_memory_is_that_of_the_values_alive_at_once():
    network = network_of(0)
    x = torch.rand(1, 3, 8, 8)
    before = 4 * 3 * 64 + 2 * 4 * (4 * 36)  # input, convolution, ReLU
    assert peak_bytes(network, x) == before
    in_place = ph.Network(nn.Sequential(network.module[0], nn.ReLU(inplace=True), *network.module[2:]).eval())
    assert peak_bytes(in_place, x) == 4 * 3 * 64 + 4 * (4 * 36) + 4 * 16


@pytest.mark.parametrize("channels", [1, 4])
def test_networks_of_other_channels_are_compared_on_tensors(channels, tmp_path):
    networks = []
    for seed in (0, 5):
        module = network_of(seed).module
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            module[0] = nn.Conv2d(channels, 4, 3)
        networks.append(ph.Network(module, ph.Preprocessing.plain(size=8), LABELS))
    result = ph.compare_networks(networks, torch.rand(12, channels, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert result.disagreed
    assert {pixels.shape for _, pixels, _ in result.disagreed} == {(8, 8, 3)}
    assert result.save(tmp_path / "made.svg").is_file()


def test_the_sheet_the_json_and_the_command(folder, tmp_path):
    result = ph.compare_networks([network_of(0), network_of(1)], folder)
    json.dumps(result.to_dict(), allow_nan=False)
    assert result.save(tmp_path / "networks.svg").stat().st_size > 5000
    assert len(result.table().rows) == 2
    unlabelled = ph.compare_networks([network_of(0), network_of(1)], torch.rand(4, 3, 8, 8))
    assert unlabelled.rows[0]["top1"] is None
    assert "there is no accuracy" in unlabelled.words
    json.dumps(unlabelled.to_dict(), allow_nan=False)
    assert unlabelled.save(tmp_path / "unlabelled.svg").stat().st_size > 3000
    from phosphene.cli import app

    words = [
        "networks",
        "compare",
        "efficientnet_lite0",
        "torchvision:squeezenet1_1@none",
        "--images",
        str(folder),
        "--limit",
        "2",
    ]
    run = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "made.png")])
    assert run.exit_code == 0, run.output
    assert (tmp_path / "made.png").is_file()


@pytest.mark.parametrize(
    ("networks", "options", "words"),
    [
        ([0], {}, "give two at least, not 1"),
        ([0, 1], {"batch": 0}, "at least 1 image"),
        ([0, 1], {"limit": 1}, "takes 2 images at least; only 1 could be read"),
        ([0, 1, 0], {}, "Sequential is given twice, with the same weights"),
        ([0, "nameless"], {}, r"Sequential \(2\) names no classes"),
        ([0, "nan"], {}, r"Sequential \(2\) gives scores that are not finite"),
        ([0, "maps"], {}, "it is no classifier"),
    ],
)
def test_what_can_not_be_compared_is_refused(folder, networks, options, words):
    wrong = {
        "maps": ph.Network(nn.Conv2d(3, 4, 1).eval(), ph.Preprocessing.plain(size=8), LABELS[:4]),
        "nameless": network_of(3, labels=None),
        "nan": network_of(3),
    }
    nn.init.constant_(wrong["nan"].module[-1].bias, torch.nan)
    given = [wrong[each] if isinstance(each, str) else network_of(each) for each in networks]
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


def test_the_sentence_speaks_of_cheaper_networks_only_where_there_are_some(folder):
    alike = ph.compare_networks([network_of(0), network_of(1)], folder)
    assert alike.words.endswith("none of the others takes fewer operations")
    rows = alike.networks
    dearer = replace(rows[0], cost=replace(rows[0].cost, operations=2 * rows[1].cost.operations))
    gap = np.zeros((2, 2, 3))
    certain = replace(alike, networks=(replace(dearer, top1=Interval(0.9, 0.8, 1.0, 28)), rows[1]), apart=gap + 0.5)
    assert certain.words.endswith("every cheaper one is right less often, beyond the interval")
    assert "can't be told apart" in replace(certain, apart=gap).words
