"""Learning a few photos by heart: networks that can, networks that can't and why, and none that is changed by it."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from typer.testing import CliRunner

import phosphene as ph
import phosphene.cli
from phosphene.inspection.checkup.overfitting import NAME, _loss, batch, overfits
from phosphene.inspection.checkup.photos import gather


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three photos each of three classes, 16 x 16 px."""
    root = tmp_path_factory.mktemp("set")
    generator = np.random.default_rng(0)
    for label in range(3):
        (root / str(label)).mkdir()
        for index in range(3):
            pixels = generator.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / str(label) / f"{index}.png")
    return root


def layers(*between, outputs=3):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 5, 2), *between, nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(144, outputs)
    )


class Cut(nn.Module):
    """Features and a head, of which one is cut off from the loss."""

    def __init__(self, where):
        super().__init__()
        torch.manual_seed(0)
        self.features = nn.Sequential(nn.Conv2d(3, 8, 5, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten())
        self.head, self.where = nn.Linear(72, 3), where

    def forward(self, x):
        features = self.features(x)
        answer = self.head(features.detach() if self.where == "backbone" else features)
        return answer.detach() if self.where == "answer" else 0 * answer if self.where == "product" else answer


def network(module, **options):
    return ph.Network(module, ph.Preprocessing.plain(16), **options)


def found(net, folder):
    return overfits(net, gather(net, folder, 9))


@pytest.mark.parametrize("between", [(), (nn.BatchNorm2d(16), nn.Dropout(0.5))], ids=["plain", "norm and dropout"])
def test_a_network_that_can_learn_does_and_is_left_as_it_was(between, folder, unchanged):
    module = layers(*between).train()
    net = network(module)
    at = torch.get_rng_state()
    with unchanged(module):
        finding = found(net, folder)
    assert torch.equal(at, torch.get_rng_state())
    assert finding.verdict == "good", finding
    assert finding.check == NAME
    losses = finding.evidence["losses"]
    assert losses[0] > 0.8
    assert losses[-1] < 0.05
    assert "A copy learned 4 photos by heart: its loss went from" in finding.sentence
    assert found(net, folder) == finding, "it is not the same twice"


def test_dead_units_are_seen(folder):
    module = layers()
    with torch.no_grad():
        module[0].bias.fill_(-100.0)
    finding = found(network(module.eval()), folder)
    assert finding.verdict == "warning"
    assert "did not learn 4 photos by heart" in finding.sentence
    assert "No gradient reaches 3 of 4 weights: 0.weight, 0.bias, 4.weight" in finding.sentence
    assert finding.evidence["losses"][-1] > 0.5


@pytest.mark.parametrize("where", ["answer", "product"])
def test_an_answer_that_is_cut_off_from_the_weights_is_a_fault(where, folder):
    finding = found(network(Cut(where).eval()), folder)
    assert finding.verdict == "fault"
    assert "No gradient of the loss reaches any of the 4 weights" in finding.sentence


def test_a_backbone_that_is_cut_off_is_named_although_the_head_learns(folder):
    finding = found(network(Cut("backbone").eval()), folder)
    assert finding.verdict == "note"
    assert "learned 4 photos by heart" in finding.sentence
    assert "No gradient reaches 2 of 4 weights: features.0.weight, features.0.bias" in finding.sentence


def test_frozen_weights_stay_and_all_frozen_is_said(folder):
    module = layers().eval()
    module[0].requires_grad_(False)
    finding = found(network(module), folder)
    assert finding.verdict == "good"
    assert finding.evidence["weights"] == 2
    frozen = found(network(layers().eval().requires_grad_(False)), folder)
    assert frozen.verdict == "note"
    assert "All weights are frozen" in frozen.sentence


def test_classes_that_are_right_already_are_exchanged(tmp_path):
    for label, colour in enumerate(((255, 0, 0), (0, 255, 0))):
        (tmp_path / str(label)).mkdir()
        for index in range(2):
            Image.new("RGB", (16, 16), colour).save(tmp_path / str(label) / f"{index}.png")
    module = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    with torch.no_grad():
        module[2].weight.copy_(torch.tensor([[0.3, 0.0, 0.0], [0.0, 0.3, 0.0]]))
        module[2].bias.zero_()
    way = ph.Preprocessing((16, 16), resize=(16, 16), mean=(0.0,) * 3, std=(0.1,) * 3)
    finding = overfits(net := ph.Network(module.eval(), way), gather(net, tmp_path, 4))
    assert finding.evidence["exchanged"]
    assert finding.evidence["losses"][0] == pytest.approx(np.log1p(np.exp(3.0)), abs=1e-3)
    assert "with their classes exchanged, since it had them right already" in finding.sentence
    assert finding.verdict == "good"


@pytest.mark.parametrize("head", ["softmax", "sigmoid", "probabilities", "log-probabilities"])
def test_the_loss_is_the_cross_entropy_of_the_head(head):
    scores = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([0, 3, 1, 1, 2])
    if head == "sigmoid":
        wanted = F.binary_cross_entropy_with_logits(scores, F.one_hot(targets, 4).double(), reduction="none").sum(1)
        assert _loss(scores, targets, head).item() == pytest.approx(wanted.mean().item(), rel=1e-12)
        one = F.binary_cross_entropy_with_logits(scores[:, 0], (targets == 1).double())
        assert _loss(scores[:, :1], (targets == 1).long(), head).item() == pytest.approx(one.item(), rel=1e-12)
        likely = F.binary_cross_entropy(scores[:, 0].sigmoid(), (targets == 1).double())
        ready = _loss(scores[:, :1].sigmoid(), (targets == 1).long(), "probabilities")
        assert ready.item() == pytest.approx(likely.item(), rel=1e-9)
        return
    given = {"softmax": scores, "probabilities": scores.softmax(1), "log-probabilities": scores.log_softmax(1)}[head]
    assert _loss(given, targets, head).item() == pytest.approx(F.cross_entropy(scores, targets).item(), rel=1e-12)


def test_the_batch_has_one_photo_of_each_class_in_turn(folder):
    net = network(layers().eval())
    material = gather(net, folder, 9)
    rows, targets = batch(material, 3)
    assert targets.tolist() == [0, 1, 2, 0]
    assert [material.targets[at].item() for at in rows] == [0, 1, 2, 0]
    assert len(set(rows)) == 4
    assert batch(material, 1) is None


def test_folders_that_are_no_classes_of_the_network_are_numbered(folder, tmp_path):
    for label, name in enumerate(("zebra", "ant")):
        (tmp_path / name).mkdir()
        for file in sorted((folder / str(label)).iterdir())[:2]:
            (tmp_path / name / file.name).write_bytes(file.read_bytes())
    net = network(layers().eval(), labels=["x", "y", "z"])
    material = gather(net, tmp_path, 9)
    rows, targets = batch(material, 3)
    assert [material.names[at] for at in rows] == ["ant", "zebra", "ant", "zebra"]
    assert targets.tolist() == [0, 1, 0, 1]
    assert overfits(net, material).verdict == "good"


@pytest.mark.parametrize(("outputs", "head"), [(1, None), (3, "sigmoid")])
def test_single_logits_and_several_labels_are_learned(outputs, head, folder):
    net = network(layers(outputs=outputs).eval(), head=head)
    finding = found(net, folder)
    assert finding.verdict == "good", finding


def test_where_nothing_can_be_tried_it_says_why(folder):
    net = network(layers().eval())
    alone = overfits(net, gather(net, folder / "0", 3))
    assert (alone.verdict, "no photos of two classes" in alone.sentence) == ("note", True)
    maps = overfits(own := network(nn.Conv2d(3, 3, 3).eval()), gather(own, folder, 9))
    assert (maps.verdict, "does not give one score a class" in maps.sentence) == ("note", True)


def test_it_is_asked_for(folder, tmp_path, monkeypatch):
    net = network(layers().eval())
    usual, more = ph.check(net, folder), ph.check(net, folder, overfit=True)
    assert NAME not in {finding.check for finding in usual.findings}
    assert more.findings[-1].check == NAME
    assert len(more.findings) == len(usual.findings) + 1
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(
        "from torch import nn\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 3)).eval()\n"
    )
    words = ["check", "-n", "own:build", str(folder), "--overfit", "--json"]
    done = CliRunner().invoke(phosphene.cli.app, words)
    assert [finding["check"] for finding in json.loads(done.stdout)].count(NAME) <= 1
    assert "--overfit" in CliRunner().invoke(phosphene.cli.app, ["check", "--help"]).stdout
