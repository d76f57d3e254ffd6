"""Results know how they were made, and `again` makes the same picture from what a file says."""

import json
import shutil
from importlib.resources import files

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import phosphene as ph
from phosphene.inspection.activations import activations
from phosphene.inspection.filters import filters


@pytest.fixture(scope="module")
def network():
    return ph.load()


@pytest.fixture
def cat(tmp_path):
    shutil.copy(str(files("phosphene") / "photos" / "cat.jpg"), tmp_path / "cat.jpg")
    return ph.read(str(tmp_path / "cat.jpg"))


def pixels(path):
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


@pytest.mark.parametrize("suffix", [".png", ".webp", ".svg"])
def test_again_makes_the_same_file_bit_for_bit(network, cat, tmp_path, suffix):
    first = activations(network, cat, "blocks.1").picture(order="strongest", map="sequential")
    path = first.save(tmp_path / f"first{suffix}", theme="dark")
    second = ph.again(path).save(tmp_path / f"second{suffix}", theme="dark")
    assert path.read_bytes() == second.read_bytes()


def test_a_result_says_instrument_network_photo_options_and_versions(network, cat):
    made = activations(network, cat, "blocks.1", channel=3).made
    assert made["instrument"] == "activations"
    assert made["networks"]["network"]["opening"] == {"spec": "efficientnet_lite0"}
    assert made["networks"]["network"]["fingerprint"] == network.fingerprint
    assert made["images"]["images"]["sha256"] == cat.sha256
    assert made["options"] == {"layer": "blocks.1", "channel": 3}
    assert made["versions"]["torch"] == torch.__version__.split("+")[0]
    json.dumps(made)


def test_a_photo_without_a_path_travels_in_the_picture(network, tmp_path):
    photo = ph.read(np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8))
    path = activations(network, photo, "blocks.0").save(tmp_path / "noise.png")
    remade = ph.again(path).save(tmp_path / "again.png")
    np.testing.assert_array_equal(pixels(path), pixels(remade))


def test_a_moved_photo_is_found_beside_the_picture_or_where_it_is_said_to_be(network, cat, tmp_path):
    path = activations(network, cat, "blocks.0").save(tmp_path / "first.png")
    (tmp_path / "elsewhere").mkdir()
    shutil.move(tmp_path / "cat.jpg", tmp_path / "elsewhere" / "cat.jpg")
    with pytest.raises(FileNotFoundError, match="say where it is with --photo"):
        ph.again(path)
    assert ph.again(path, tmp_path / "elsewhere" / "cat.jpg")
    shutil.move(path, tmp_path / "elsewhere" / "first.png")
    assert ph.again(tmp_path / "elsewhere" / "first.png")


def test_another_photo_under_the_same_name_is_refused(network, cat, tmp_path):
    path = activations(network, cat, "blocks.0").save(tmp_path / "first.png")
    shutil.copy(str(files("phosphene") / "photos" / "coffee.jpg"), tmp_path / "cat.jpg")
    with pytest.raises(ValueError, match="is not the photo"):
        ph.again(path)


def test_pictures_of_networks_that_have_no_name_and_other_files_are_refused_in_words(tmp_path):
    own = ph.Network(nn.Sequential(nn.Conv2d(3, 4, 5)))
    path = filters(own).save(tmp_path / "own.png")
    with pytest.raises(ValueError, match="a Sequential that Python code built"):
        ph.again(path)
    Image.new("RGB", (4, 4)).save(tmp_path / "foreign.png")
    with pytest.raises(ValueError, match=r"foreign\.png"):
        ph.again(tmp_path / "foreign.png")


def test_a_network_with_changed_weights_is_not_taken_for_the_same(tmp_path):
    network = ph.load()
    with torch.no_grad():
        network.module.conv_stem.weight[0, 0, 0, 0] += 1
    path = filters(network).save(tmp_path / "changed.png")
    with pytest.raises(ValueError, match="other weights"):
        ph.again(path)


def test_a_network_of_random_weights_is_opened_again_from_its_seed(tmp_path):
    network = ph.load("torchvision:squeezenet1_1@none", seed=7)
    path = filters(network).save(tmp_path / "random.png")
    np.testing.assert_array_equal(pixels(path), pixels(ph.again(path).save(tmp_path / "again.png")))
