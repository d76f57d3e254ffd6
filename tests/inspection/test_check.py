"""The check-up finds planted faults on the embedded network and raises no false alarm on the healthy one."""

import copy
import math
import random
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import skimage.data
import torch
from PIL import Image
from torch import nn

import phosphene as ph
from phosphene.inspection.checkup import preprocessing as check_preprocessing
from phosphene.inspection.checkup.activity import outputs_fit
from phosphene.inspection.checkup.check import check, checks
from phosphene.inspection.checkup.finding import Finding, clear, paired_t
from phosphene.inspection.checkup.labels import labels_in_order
from phosphene.inspection.checkup.photos import Material, gather, photos_found
from phosphene.inspection.checkup.preprocessing import answer, preprocessing_fits
from phosphene.inspection.checkup.running import mode
from phosphene.inspection.checkup.weights import (
    STRUCTURED,
    dead_filters,
    finite_weights,
    first_filters,
    initial,
    structure,
    untrained,
)
from phosphene.network import Labels, Network

ZIP = Path(__file__).parents[3] / "shared" / "data" / "imagenet_photos_700.zip"
NEEDS_PHOTOS = pytest.mark.skipif(not ZIP.exists(), reason=f"{ZIP} is not on this machine")


@pytest.fixture(scope="module")
def healthy() -> Network:
    return ph.load()


@pytest.fixture
def broken(healthy: Network) -> Network:
    return Network(copy.deepcopy(healthy.module), healthy.preprocessing, healthy.labels, spec=healthy.spec)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    if not ZIP.exists():
        pytest.skip(f"{ZIP} is not on this machine")
    place = tmp_path_factory.mktemp("imagenet")
    with zipfile.ZipFile(ZIP) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        archive.extractall(place, random.Random(0).sample(names, 150))
    return str(place)


@pytest.fixture(scope="module")
def photos(healthy: Network, folder: str) -> Material:
    return gather(healthy, folder, 150)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What skimage ships, in sub-folders named by class."""
    place = tmp_path_factory.mktemp("small")
    shipped = Path(skimage.data.__path__[0])
    named = {"chelsea.png": "Egyptian_cat", "coffee.png": "espresso", "rocket.jpg": "missile", "horse.png": "sorrel"}
    for name, label in named.items():
        (place / label).mkdir()
        Image.open(shipped / name).convert("RGB").save(place / label / f"{name}.png")
    return str(place)


def planted(network: Network, **changes: object) -> Network:
    return Network(network.module, replace(network.preprocessing, **changes), network.labels, spec=network.spec)


def verdicts(findings: list[Finding]) -> dict[str, str]:
    return {finding.check: finding.verdict for finding in findings}


@NEEDS_PHOTOS
def test_the_healthy_network_raises_no_alarm_and_stays_bit_for_bit(healthy: Network, folder: str) -> None:
    before = healthy.fingerprint, [m.training for m in healthy.module.modules()]
    found = check(healthy, folder, limit=24)
    assert found.worst in ("good", "note"), [f for f in found.findings if f.verdict in ("warning", "fault")]
    assert verdicts(list(found.findings))["preprocessing"] == "note"  # 24 photos are too few to say that it fits
    assert verdicts(list(found.findings))["labels"] == "good"
    assert (healthy.fingerprint, [m.training for m in healthy.module.modules()]) == before
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in healthy.module.modules())
    assert found.to_dict()["worst"] == found.worst
    assert found.picture().drawing.height > 400


def test_the_healthy_network_raises_no_alarm_with_what_ships(healthy: Network, small: str) -> None:
    for folder in (None, small):
        found = check(healthy, folder)
        assert found.worst == "note", [f for f in found.findings if f.verdict in ("warning", "fault")]


@NEEDS_PHOTOS
def test_the_right_preprocessing_fits(healthy: Network, photos: Material) -> None:
    assert preprocessing_fits(healthy, photos).verdict == "good"


@NEEDS_PHOTOS
@pytest.mark.parametrize(
    ("plant", "cure"),
    [
        ({"colour": "BGR"}, "RGB"),
        ({"scale": 255.0}, "[0, 1]"),
        ({"mean": (0.0,) * 3, "std": (1.0,) * 3}, "0.5 mean and std"),
    ],
    ids=["bgr", "0-255", "no-mean"],
)
def test_a_wrong_preprocessing_is_found(healthy: Network, photos: Material, plant, cure: str, monkeypatch) -> None:
    remembered: dict[bytes, torch.Tensor] = {}

    def once(network: Network, x: torch.Tensor) -> torch.Tensor:  # with and without classes, the answers are the same
        key = x[:, :, ::64, ::64].numpy().tobytes()
        if key not in remembered:
            remembered[key] = answer(network, x)
        return remembered[key]

    monkeypatch.setattr(check_preprocessing, "answer", once)
    for seen in (photos, replace(photos, targets=torch.full_like(photos.targets, -1))):
        found = preprocessing_fits(planted(healthy, **plant), seen)
        assert found.verdict in ("fault", "warning"), found
        assert cure in found.sentence


def test_values_to_255_are_found_with_four_photos(healthy: Network, small: str) -> None:
    network = planted(healthy, scale=255.0)
    found = preprocessing_fits(network, gather(network, small, 9))
    assert found.evidence["stated"]["entropy"] > found.evidence["values in [0, 1]"]["entropy"]
    assert found.verdict in ("fault", "note")  # four photos may be too few, and then it says so


@NEEDS_PHOTOS
def test_shuffled_labels_are_found(healthy: Network, photos: Material) -> None:
    answers = answer(healthy, healthy.normalise(photos.first(24).images))
    names = list(healthy.labels)
    random.Random(1).shuffle(names)
    shuffled = Network(healthy.module, healthy.preprocessing, names, spec=healthy.spec)
    assert labels_in_order(shuffled, photos.first(24), answers).verdict == "fault"
    assert labels_in_order(healthy, photos.first(24), answers).verdict == "good"
    nameless = Network(healthy.module, healthy.preprocessing, Labels(None, 1000), spec=healthy.spec)
    late = replace(photos.first(24), targets=(photos.first(24).targets + 1) % 1000)
    found = labels_in_order(nameless, late, answers)
    assert found.verdict == "fault"
    assert "one earlier" in found.sentence
    permuted = replace(late, targets=torch.randperm(1000, generator=torch.Generator().manual_seed(0))[late.targets])
    assert labels_in_order(nameless, permuted, answers).verdict == "fault"


@pytest.mark.parametrize("name", ["blocks.3.1.conv_pw", "classifier", "conv_stem", "blocks.5.1.conv_dw"])
def test_an_untrained_layer_is_found(healthy: Network, broken: Network, name: str) -> None:
    assert untrained(healthy).verdict == "good"
    torch.manual_seed(3)
    broken.module.get_submodule(name).reset_parameters()
    found = untrained(broken)
    assert found.verdict == "fault"
    assert list(found.evidence["layers"]) == [name]


def test_a_batch_norm_with_its_first_values_is_found(broken: Network) -> None:
    part = broken.module.blocks[2][0].bn2
    part.reset_parameters()
    assert untrained(broken).verdict == "warning"


def test_random_networks_are_untrained() -> None:
    assert "is untrained" in untrained(ph.load("torchvision:resnet18@none")).sentence


def test_dead_filters_are_found(healthy: Network, broken: Network) -> None:
    assert dead_filters(healthy).verdict == "note"  # 127 are zero but for rounding
    with torch.no_grad():
        broken.module.conv_stem.weight[:20] = 0
    found = dead_filters(broken)
    assert found.verdict == "warning"
    assert "most in conv_stem (22 of 32)" in found.sentence
    assert found.evidence["filters"]["conv_stem"] == [*range(20), 28, 31]
    with torch.no_grad():
        broken.module.classifier.weight.zero_()
    found = dead_filters(broken)
    assert found.verdict == "fault"
    assert found.sentence == "All filters of classifier are zero: it gives the bias alone."


def test_the_check_up_and_the_filters_agree_which_are_zero(healthy: Network) -> None:
    named = dead_filters(healthy).evidence["filters"]
    for layer in ("conv_stem", "blocks.0.0.conv_dw", "blocks.1.0.conv_pw"):
        assert ph.filters(healthy, layer).faint == named[layer]
    assert len(named["conv_stem"]) == 4


def test_weights_that_were_drawn_are_known_and_trained_ones_of_the_same_distribution_are_not() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(48, 96, generator=generator) * (2 / 96) ** 0.5
    assert initial(drawn[:, :, None, None]) == "Kaiming, fan in, normal with std 0.144"
    shuffled = drawn.flatten().sort().values  # the very same numbers
    some_inputs_count_more = shuffled[shuffled.abs().argsort()].view(96, 48).T
    assert initial(some_inputs_count_more[:, :, None, None]) is None


def test_structure_is_like_a_normal_number_for_weights_that_were_drawn() -> None:
    """The largest of six: rarely beyond the limit, whatever the shape and the way they were drawn."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(16, 32, 1, 1), (96, 1, 3, 3), (64, 3, 7, 7), (10, 256)]
    normal = [structure(torch.randn(shape, generator=generator), 1.0, 3.0) for shape in shapes for _ in range(50)]
    uniform = [
        structure(2 * torch.rand(shape, generator=generator) - 1, 3**-0.5, 1.8) for shape in shapes for _ in range(50)
    ]
    assert sum(far > STRUCTURED for far in normal + uniform) <= 4
    assert 1 < sum(normal) / len(normal) < 1.8


def test_first_filters_are_judged_without_those_that_are_zero() -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 16, 5)
    network = Network(nn.Sequential(conv, nn.ReLU()))
    with torch.no_grad():
        conv.weight[8:] = 0
        conv.weight[0] *= 1e3  # one loud filter does not decide
    found = {finding.check: finding for finding in first_filters(network)}
    assert found["doubled filters"].evidence["filters"] == 8
    assert found["noisy filters"].verdict == "note"
    with torch.no_grad():
        conv.weight[1:8] = conv.weight[1:8].mean((2, 3), keepdim=True)
    found = {finding.check: finding for finding in first_filters(network)}
    assert found["noisy filters"].verdict == "good"


def test_dead_units_are_found(broken: Network) -> None:
    with torch.no_grad():
        broken.module.bn1.bias[:] = -1000.0
    found = {f.check: f for f in checks(broken, None, 2)}
    assert found["dead units"].verdict == "fault"


def test_nan_weights_are_found_and_end_the_check_up(broken: Network) -> None:
    with torch.no_grad():
        broken.module.blocks[1][0].conv_pw.weight[0, 0] = float("nan")
    assert finite_weights(broken).evidence["values"] == {"blocks.1.0.conv_pw.weight": 1}
    found = {f.check: f for f in checks(broken, None, 2)}
    assert found["finite weights"].verdict == "fault"
    assert found["finite activations"].verdict == "fault"
    assert "preprocessing" not in found


def test_training_mode_is_found_and_left(broken: Network) -> None:
    broken.module.train()
    assert mode(broken).verdict == "warning"
    assert check(broken, None, limit=2).worst == "warning"
    assert all(part.training for part in broken.module.modules())


def test_probabilities_and_saturated_outputs_are_found() -> None:
    scores = torch.randn(10, 5, generator=torch.Generator().manual_seed(0)).double()

    def found(head: Any, scores: torch.Tensor) -> Finding:
        return outputs_fit(Network(nn.Linear(3, 5), ph.Preprocessing.plain(8), head=head), scores)

    assert found("softmax", scores).verdict == "good"
    assert found("softmax", scores * 1e4).verdict == "warning"
    assert found("softmax", scores.sigmoid()).sentence.startswith("All outputs lie in [0, 1]")
    assert found("sigmoid", scores[:, :1]).sentence.startswith("The output is one score, read as a logit")
    assert "each a yes or no of its own" in found("sigmoid", scores).sentence
    assert "they sum to one" in found("probabilities", scores.softmax(1)).sentence
    assert "each lies in [0, 1] by itself" in found("probabilities", scores.sigmoid()).sentence
    assert found("log-probabilities", scores.log_softmax(1)).verdict == "warning"


def test_a_size_that_does_not_run_is_a_fault() -> None:
    network = Network(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4, 2)), ph.Preprocessing.plain(8))
    assert {f.check: f.verdict for f in checks(network)}["input size"] == "fault"


def test_bad_folders_are_refused_and_broken_pictures_reported(healthy: Network, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        check(healthy, str(tmp_path / "none"))
    with pytest.raises(ValueError, match="holds no image"):
        check(healthy, str(tmp_path))
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="can be read"):
        check(healthy, str(tmp_path))
    Image.new("RGB", (40, 40)).save(tmp_path / "b.png")
    first = next(checks(healthy, str(tmp_path)))
    assert first.verdict == "warning"
    assert len(first.evidence["unreadable"]) == 1


def test_photos_without_classes_are_said_to_have_none_and_how_to_tell_them(tmp_path: Path) -> None:
    network = ph.Network(torch.nn.Conv2d(3, 2, 1), ph.Preprocessing.plain(8), labels=["a", "b"])
    for index in range(2):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{index}.png")
    flat = photos_found(gather(network, tmp_path, 9))
    assert flat.sentence == "Looked at 2 of 2 photos; no photo's class is known."
    assert (flat.verdict, "sub-folder that is named after the class" in flat.advice) == ("note", True)
    (tmp_path / "b").mkdir()
    (tmp_path / "0.png").rename(tmp_path / "b" / "0.png")
    some = photos_found(gather(network, tmp_path, 9))
    assert some.verdict == "good"
    assert some.sentence == "Looked at 2 of 2 photos; the classes of 1 are known."


def test_a_gain_must_be_clear_of_chance() -> None:
    assert clear(torch.full((5,), 0.5) + torch.linspace(-0.1, 0.1, 5), 0.1)
    assert not clear(torch.tensor([3.0]), 0.1)
    gains = torch.randn(20, generator=torch.Generator().manual_seed(1), dtype=torch.float64) + 0.3
    assert paired_t(gains) == pytest.approx(float(gains.mean() / (gains.std() / math.sqrt(20))), rel=1e-12)
    assert paired_t(torch.full((5,), -0.1)) == -math.inf
    assert paired_t(torch.zeros(5)) == paired_t(torch.ones(1)) == 0
    assert paired_t(torch.tensor([0.1, 0.1, 0.1 + 1e-16], dtype=torch.float64)) == math.inf
    assert not clear(torch.randn(200, generator=torch.Generator().manual_seed(0)), 0.0)


@pytest.mark.parametrize("folder", [True, False])
def test_random_weights_say_nothing_of_the_preprocessing(small: str, folder: bool) -> None:
    network = ph.load("torchvision:resnet18@none")
    found = {finding.check: finding for finding in checks(network, small if folder else None)}
    assert found["preprocessing"].verdict == "note"
    assert "untrained" in found["preprocessing"].sentence


def test_two_photos_are_too_few_to_judge_the_preprocessing(healthy: Network) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 7), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))
    for network in (healthy, planted(healthy, scale=255.0), Network(module)):
        found = preprocessing_fits(network, gather(network, None, 9))
        assert found.verdict == "note"
        assert "can't tell whether the preprocessing fits" in found.sentence


def test_another_number_of_labels_than_of_outputs_is_a_fault(healthy: Network) -> None:
    network = Network(healthy.module, healthy.preprocessing, ["a", "b"])
    found = {finding.check: finding for finding in checks(network)}["labels"]
    assert found.verdict == "fault"
    assert "2 labels for 1000 outputs" in found.sentence
    assert found.evidence == {"labels": 2, "outputs": 1000}
