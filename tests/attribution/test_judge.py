"""The judgement: its numbers are the tests' own, its comparisons are paired, and it takes what people have."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from typer.testing import CliRunner

import phosphene as ph
import phosphene.cli
from phosphene.attribution.maps.methods import METHODS
from phosphene.attribution.trials.contenders import baselines, contenders, noise
from phosphene.attribution.trials.faithfulness import area, deletion, drops, insertion, sensitivity_n, subsets
from phosphene.attribution.trials.judgement import Judgement
from phosphene.attribution.trials.likeness import spearman
from phosphene.attribution.trials.randomised import parametrised, randomised
from phosphene.attribution.trials.stability import max_sensitivity
from phosphene.instrument.texts import specs as texts_split

SIZE = 28


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 6, 5), nn.ReLU(), nn.Conv2d(6, 6, 5), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
                           nn.Flatten(), nn.Linear(6, 4))  # fmt: skip
    return ph.Network(module.double().eval(), ph.Preprocessing.plain(SIZE))


def images(count=2):
    return torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.fixture
def folder(tmp_path):
    """Seven photos and a broken one."""
    place = tmp_path / "photos"
    place.mkdir()
    generator = np.random.default_rng(0)
    for index in range(7):
        pixels = generator.integers(0, 256, (32, 40, 3), np.uint8)
        Image.fromarray(pixels).save(place / f"{index}.png")
    (place / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    return place


def test_each_number_is_that_of_the_test_itself(network, unchanged):
    x = images()
    with unchanged(network.module):
        found = ph.judge(network, x, "logits:1", methods="guided,gradient", steps=5, seed=3, batch=4)
    assert found.names == ("guided backprop", "gradient", "random map", "edges of the photo", "centre of the image")
    maps, classes = ph.gradient(network, x, "logits:1").maps, torch.tensor([1, 1])
    sets = subsets((SIZE, SIZE), cell=2, seed=3)
    other = randomised(network, parametrised(network), seed=3)
    expected = {
        "insertion": area(insertion(network, x, maps, classes, steps=5, seed=3)),
        "deletion": area(deletion(network, x, maps, classes, steps=5, seed=3)),
        "sensitivity_n": sensitivity_n(maps, sets, drops(network, x, classes, sets)),
        "randomised": spearman(maps, ph.gradient(other, x, "logits:1").maps),
        "max_sensitivity": torch.cat([
            max_sensitivity(network, one, maps[[i]], lambda y: ph.gradient(network, y, "logits:1").maps, seed=3)
            for i, one in enumerate(x.split(1))
        ]),
    }  # fmt: skip
    for test, values in expected.items():
        np.testing.assert_allclose(found.values[test][1], values.numpy(), rtol=1e-9, err_msg=test)
    random = noise(x, 3)
    np.testing.assert_allclose(
        found.values["deletion"][2], area(deletion(network, x, random, classes, steps=5, seed=3)).numpy()
    )
    assert np.isnan(found.values["pointing"]).all()
    assert "pointing" not in found.tests
    assert (found.seconds > 0).all()


def test_numbers_do_not_depend_on_what_else_is_judged_or_in_which_order(network):
    one = ph.judge(network, images(), methods="gradient", steps=4)
    two = ph.judge(network, images(), methods="guided,gradient", steps=4, batch=3)
    for test in one.tests:
        np.testing.assert_allclose(one.values[test][0], two.values[test][1], rtol=1e-9, err_msg=test)
    other = ph.judge(network, images(), methods="gradient", steps=4, seed=9)
    assert not np.array_equal(one.values["sensitivity_n"], other.values["sensitivity_n"])


def test_chosen_tests_are_made_and_no_others(network):
    found = ph.judge(network, images(), methods="gradient", tests="deletion,randomised", steps=3)
    assert found.tests == ("deletion", "randomised")
    assert set(found.to_dict()["methods"][0]) == {
        "method",
        "baseline",
        "deletion",
        "randomised",
        "seconds",
        "better than",
    }


def judgement(**values):
    names = ("good", "bad", *(one.name for one in baselines()))
    count = len(next(iter(values.values()))[0])
    table = {test: np.array([*rows, *[[math.nan] * count] * (5 - len(rows))]) for test, rows in values.items()}
    return Judgement(
        network="made up", images=("image",) * count, targets=("class",) * count, unreadable=(), names=names,
        baselines=names[2:], refused={}, values=table, seconds=np.ones((5, count)), seed=0,
    )  # fmt: skip


def test_better_means_better_image_by_image_in_the_tests_own_direction():
    generator = np.random.default_rng(0)
    images = generator.normal(0, 5, 12)
    rows = [images + 1, images + generator.normal(0, 1, 12), images]
    more = judgement(insertion=rows, deletion=rows)
    assert more.better("good", "random map", "insertion") is True
    assert more.better("good", "random map", "deletion") is False
    assert more.better("bad", "random map", "insertion") is None
    assert more.better("good", "edges of the photo", "insertion") is None  # which has no value
    few = judgement(insertion=[row[:5] for row in rows])
    assert few.better("good", "random map", "insertion") is None


def test_the_pointing_game_is_played_where_boxes_are_known(folder, network, tmp_path):
    boxes = {"0.png": [[0, 0, 40, 32]], "1.png": [[39, 31, 40, 32]]}
    known = ph.judge(network, [folder / "0.png", folder / "1.png", folder / "2.png"], methods="gradient",
                     tests="pointing", boxes=boxes)  # fmt: skip
    row = known.values["pointing"][0]
    assert row[0] == 1
    assert np.isnan(row[2])
    file = tmp_path / "boxes.json"
    file.write_text(json.dumps(boxes))
    again = ph.judge(network, str(folder), methods="gradient", tests="pointing", boxes=str(file))
    np.testing.assert_array_equal(again.values["pointing"][:, :3], known.values["pointing"])


def test_images_are_judged_one_by_one_and_a_caller_may_stop(network):
    steps = ph.judge.steps(network, images(5), methods="gradient", tests="deletion", steps=2)
    assert len(next(steps).images) == 1
    found = next(steps)
    assert found.images == ("image 1", "image 2")
    whole = ph.judge(network, images(5), methods="gradient", tests="deletion", steps=2)
    np.testing.assert_array_equal(found.values["deletion"], whole.values["deletion"][:, :2])


def test_broken_files_are_named_and_left_out(folder, network, unchanged):
    with unchanged(network.module):
        found = ph.judge(network, folder, methods="gradient", tests="insertion", steps=2)
    assert len(found.images) == 7
    assert len(found.unreadable) == 1
    assert "broken.png" in found.unreadable[0]
    with pytest.raises(ValueError, match="none of the 1 images can be read"):
        ph.judge(network, folder / "broken.png", methods="gradient")


def test_a_method_that_can_not_answer_is_named_and_left_out():
    smooth = ph.Network(nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
                        ph.Preprocessing.plain(14))  # fmt: skip
    x = torch.rand(2, 3, 14, 14)
    found = ph.judge(smooth, x, methods="guided,gradient", tests="deletion", steps=2)
    assert found.names[0] == "gradient"
    assert "found no ReLU" in found.refused["guided backprop"]
    with pytest.raises(ValueError, match="found no ReLU"):
        ph.judge(smooth, x, methods="guided")


def test_a_picture_says_how_many_images_and_how_it_was_made(network, tmp_path):
    found = ph.judge(network, images(6), methods="gradient,guided", steps=3)
    words = " ".join(getattr(mark, "string", "") for mark in found.picture().drawing.marks)
    assert "Means over 6 images" in words
    made = ph.read_made(found.save(tmp_path / "judge.png"))["made"]
    assert made["instrument"] == "judge"
    assert made["options"]["methods"] == "gradient,guided"
    assert ph.judge(network, images(1), methods="gradient", steps=3).picture().caption


@pytest.mark.parametrize(
    ("texts", "specs"),
    [
        ("gradient,guided", ["gradient", "guided"]),
        ("occlusion:window=48,stride=24,guided", ["occlusion:window=48,stride=24", "guided"]),
        (["gradient", "occlusion:window=8"], ["gradient", "occlusion:window=8"]),
        (" gradient , ,guided,", ["gradient", "guided"]),
    ],
)
def test_a_text_may_name_several_methods(texts, specs):
    assert texts_split([texts] if isinstance(texts, str) else texts) == specs


def test_without_names_all_that_take_few_passes_stand():
    found = [one.spec for one in contenders(None)]
    assert "gradient" in found
    assert "occlusion" not in found
    assert set(found) < set(METHODS)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"methods": "gradint"}, LookupError, "near it: gradient"),
        ({"tests": "insrtion"}, LookupError, "near it: insertion"),
        ({"tests": ","}, ValueError, "no test was named"),
        ({"target": "2:1"}, ValueError, "judged by a class's score"),
        ({"boxes": {"image 1": [1, 2, 3, 4]}}, ValueError, "boxes are"),
        ({"images": []}, ValueError, "no images were given"),
        ({"tests": "pointing"}, ValueError, "give boxes"),
        ({"images": [3]}, TypeError, "not int"),
    ],
)
def test_what_does_not_fit_gets_a_sentence(network, options, error, said):
    asked = {"images": images(1), "methods": "gradient", **options}
    with pytest.raises(error, match=said):
        ph.judge(network, asked.pop("images"), asked.pop("target", None), **asked)


# ---- the command

TINY = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    features = nn.Sequential(nn.Conv2d(3, 4, 5, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    return nn.Sequential(features, nn.Flatten(), nn.Linear(4, 6))
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.py").write_text(TINY)

    def run(*words):
        network = ("--network", "tiny.py:build", "--methods", "gradient,guided", "--steps", "2")
        return CliRunner().invoke(phosphene.cli.app, ["judge", *words, *network])

    return run


def test_the_command_prints_a_table_and_writes_a_sheet(run, folder, tmp_path):
    result = run(str(folder), "--out", "sheet.png")
    assert result.exit_code == 0, result.output
    assert "guided backprop" in result.stdout
    assert "7 images" in result.stdout
    assert "broken.png" in result.stderr
    assert result.stdout.splitlines()[-1] == "sheet.png"
    made = ph.read_made(tmp_path / "sheet.png")["made"]
    assert made["instrument"] == "judge"
    assert len(made["options"]["images"]) == 8
    remade = ph.judge(ph.load("tiny.py:build"), **made["options"])
    np.testing.assert_equal(remade.names[:2], ("gradient", "guided backprop"))


def test_the_command_prints_json_and_nothing_else(run, folder):
    result = run(str(folder / "0.png"), str(folder / "1.png"), "--json")
    found = json.loads(result.stdout)
    assert found["images"] == ["0.png", "1.png"]
    assert found["methods"][0]["deletion"]["count"] == 2


def test_the_command_takes_so_many_photos_of_a_folder(run, folder):
    found = json.loads(run(str(folder), "--limit", "3", "--tests", "deletion", "--json").stdout)
    assert found["images"] == ["0.png", "2.png", "5.png"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "nowhere"),
        (["--limit", "0"], "at least 1"),
        (["--boxes", "none.json"], "none.json"),
    ],
)
def test_the_command_refuses_in_a_sentence(run, words, said):
    result = run(*words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_several_classes_are_refused(network):
    with pytest.raises(ValueError, match="by one class for all images, not by 2"):
        ph.judge(network, torch.rand(2, 3, SIZE, SIZE), ["logits:1", "logits:2"], methods="gradient")


def test_one_method_under_two_spellings_is_named_twice():
    with pytest.raises(ValueError, match="named twice"):
        contenders("grad_cam,grad-cam")


def test_a_batch_of_no_images_is_refused(network):
    with pytest.raises(ValueError, match="batch is a whole number, at least 1, not 0"):
        ph.judge(network, torch.rand(1, 3, SIZE, SIZE), methods="gradient", batch=0)


def test_a_caller_in_inference_mode_gets_the_same(network):
    x = torch.rand(1, 3, SIZE, SIZE)
    expected = ph.judge(network, x, methods="gradient,lrp", tests="randomised")
    with torch.inference_mode():
        found = ph.judge(network, x, methods="gradient,lrp", tests="randomised")
    np.testing.assert_array_equal(found.values["randomised"], expected.values["randomised"])


def test_a_file_of_boxes_that_is_not_there_is_named(network, tmp_path):
    x = torch.rand(1, 3, SIZE, SIZE)
    with pytest.raises(FileNotFoundError, match=r"there is no file of boxes '.*nope.json'"):
        ph.judge(network, x, methods="gradient", boxes=tmp_path / "nope.json")
    with pytest.raises(ValueError, match=r"the file of boxes .* can't be read"):
        ph.judge(network, x, methods="gradient", boxes=str(tmp_path))
    (tmp_path / "boxes.json").write_text("[")
    with pytest.raises(ValueError, match=r"the file of boxes .*boxes.json' is no JSON"):
        ph.judge(network, x, methods="gradient", boxes=tmp_path / "boxes.json")
