"""Where a class is in a photo, in Python and on the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import phosphene as ph
import phosphene.cli
from phosphene.picture import read_made

TINY = """
import torch
from torch import nn

def build():
    convolution = nn.Conv2d(3, 2, 4, stride=4, bias=False)
    with torch.no_grad():
        convolution.weight.zero_()
        convolution.weight[0, 0], convolution.weight[1, 2] = 1.0, 1.0  # red, blue
    linear = nn.Linear(2, 2)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]))
        linear.bias.zero_()
    return nn.Sequential(convolution, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear)
"""


def build():
    names: dict = {}
    exec(TINY, names)
    return names["build"]()


@pytest.fixture
def photo():
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[16:32, 8:40, 0] = 255
    pixels[40:56, 60:92, 2] = 255
    return ph.read(pixels)


@pytest.fixture
def network():
    return ph.Network(
        build(), ph.Preprocessing((64, 96), resize=(64, 96), crop="squash", mean=(0.0,) * 3, std=(1.0,) * 3)
    )


def overlap(box, other):
    left, top, right, bottom = (
        pick(pair) for pick, pair in zip((max, max, min, min), zip(box, other, strict=True), strict=True)
    )
    common = max(0, right - left) * max(0, bottom - top)
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (box, other)]
    return common / (sum(areas) - common)


def test_each_class_is_found_where_it_is(network, photo, unchanged):
    with unchanged(network.module):
        found = ph.locate(network, photo, ["logits:0", "logits:1"])
    assert overlap(found.boxes[0], (8, 16, 40, 32)) > 0.7
    assert overlap(found.boxes[1], (60, 40, 92, 56)) > 0.7
    assert found.method == "cam"
    assert list(found.boxes) == ph.boxes(ph.cam(network, photo, ["logits:0", "logits:1"]))


def test_the_threshold_widens_the_box(network, photo):
    wide, narrow = (ph.locate(network, photo, "logits:0", threshold=share).boxes[0] for share in (0.05, 0.9))
    assert (wide[2] - wide[0]) * (wide[3] - wide[1]) > (narrow[2] - narrow[0]) * (narrow[3] - narrow[1])


def test_where_a_head_is_no_mean_grad_cam_takes_over_and_says_so(photo):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 4, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 16 * 24, 3))
    nn.init.uniform_(module[-1].weight)  # all speaks for every class
    plain = ph.Preprocessing((64, 96), resize=(64, 96), crop="squash")
    found = ph.locate(ph.Network(module, plain), photo)
    assert found.method == "grad_cam"
    assert "Grad-CAM" in found.picture().caption
    with pytest.raises(ValueError, match="use grad_cam"):
        ph.locate(ph.Network(module, plain), photo, method="cam")


def test_a_named_method_and_its_options_are_taken(network, photo):
    found = ph.locate(network, photo, "logits:0", method="layer_cam:layer=0")
    assert found.map.method == "Layer-CAM at 0"
    assert found.to_dict()["method"] == "layer_cam:layer=0"


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"threshold": 2}, ValueError, "in \\(0, 1\\], not 2"),
        ({"method": "grad_kam"}, LookupError, "near it: grad_cam"),
        ({"target": "logits:7"}, LookupError, "2 channels"),
    ],
)
def test_what_can_t_be_done_gets_a_sentence(network, photo, options, error, said):
    with pytest.raises(error, match=said):
        ph.locate(network, photo, **options)


def test_the_picture_says_class_box_and_range_and_can_be_made_again(tmp_path):
    found = ph.locate(ph.load(), ph.read(Path(ph.__file__).parent / "photos" / "coffee.jpg"), "logits:espresso")
    caption = found.picture().caption
    assert "logits:967 (espresso)" in caption
    assert ", ".join(map(str, found.boxes[0])) in caption
    saved = found.save(tmp_path / "located.png")
    assert ph.again(saved).caption == caption


@pytest.fixture
def run(tmp_path, monkeypatch, photo):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.py").write_text(TINY)
    from PIL import Image

    Image.fromarray(photo.pixels).save(tmp_path / "photo.png")
    return lambda *words: CliRunner().invoke(phosphene.cli.app, ["locate", *words])


def test_the_command_prints_class_score_and_box_and_writes_a_picture(run, tmp_path):
    result = run("photo.png", "-n", "tiny.py:build", "--class", "0", "--out", "found.png")
    assert result.exit_code == 0, result.output
    assert "logits:0" in result.output
    assert "bottom" in result.output
    assert "found.png" in result.output
    assert read_made(tmp_path / "found.png")["made"]["instrument"] == "locate"


def test_the_command_prints_json(run, tmp_path):
    result = run("photo.png", "-n", "tiny.py:build", "--target", "logits:1", "--json", "--threshold", "0.5")
    found = json.loads(result.stdout)
    assert found["threshold"] == 0.5
    assert found["found"][0]["target"] == "logits:1 (class 1)"
    assert len(found["found"][0]["box"]) == 4
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".png", ".py"]


def test_the_command_takes_several_classes_and_targets(run):
    result = run("photo.png", "-n", "tiny.py:build", "--class", "0", "--target", "logits:1", "--json")
    assert [one["target"].partition(" ")[0] for one in json.loads(result.stdout)["found"]] == ["logits:1", "logits:0"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--threshold", "0"), "in (0, 1], not 0"),
        (("--method", "camm"), "near it: cam"),
    ],
)
def test_what_the_command_refuses_is_one_sentence(run, words, said):
    result = run("photo.png", "-n", "tiny.py:build", *words)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_a_method_may_be_written_as_on_the_command_line(photo):
    found = ph.locate(ph.Network(build()), photo, "logits:0", method="grad-cam")
    assert "Grad-CAM" in found.picture().caption
