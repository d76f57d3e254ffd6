"""The report with an atlas: units beside the patches of the data set, the photo beside the images like it."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import phosphene as ph
from phosphene.reporting import report

PHOTOS = Path(ph.__file__).parent / "photos"


def build(seed=0):
    torch.manual_seed(seed)
    module = nn.Sequential(
        nn.Conv2d(3, 8, 5), nn.ReLU(), nn.Conv2d(8, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(6, 3),
    )  # fmt: skip
    return ph.Network(module.eval(), ph.Preprocessing.plain(24), ["a", "b", "c"])


@pytest.fixture(scope="module")
def photo():
    return ph.read(PHOTOS / "cat.jpg")


@pytest.fixture
def pictures(tmp_path, photo):
    generator = np.random.default_rng(0)
    for index in range(10):
        label = tmp_path / "set" / ("noise" if index % 2 else "cats")
        label.mkdir(parents=True, exist_ok=True)
        noise = generator.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        piece = noise if index % 2 else photo.pixels[index * 20 : index * 20 + 90, index * 20 : index * 20 + 90]
        Image.fromarray(piece).save(label / f"{index}.png")
    return tmp_path / "set"


def section(text, name):
    return text[text.index(f'<section id="{name}"') :].split("</section>")[0]


def test_each_unit_stands_beside_its_patches_of_the_data_set(pictures, photo, tmp_path):
    network = build()
    atlas = ph.Atlas.build(network, pictures, tmp_path / "atlas", layers=["0", "1", "2", "3"], k=4)
    text = report(network, photo, tmp_path / "page.html", atlas).read_text(encoding="utf-8")
    units = section(text, "units")
    layers = json.loads(re.search(r'id="phosphene">(.*?)</script>', text, re.DOTALL)[1])["layers"]
    cards = units.split('<li class="card">')[1:]
    shown = [re.search(r"<strong>channel (\d+)</strong>", card)[1] for card in cards]
    first = [channel for channel, _ in zip(shown, range(6), strict=False)]
    assert first
    for channel, card in zip(first, cards, strict=False):
        found = atlas.patches(f"{layers['early']}:{channel}")
        titles = re.findall(r'title="([^"]+)"', card)
        assert titles == [f"{patch.image}: {ph.picture.compact(patch.value)}" for patch in found]
        tile = re.search(r'<div class="past">\s*<img[^>]*base64,([^"]+)"', card)[1]
        with Image.open(io.BytesIO(base64.b64decode(tile))) as image:
            own = found[0].pixels().pixels.reshape(-1, 3).mean(0)
            drawn = np.asarray(image.convert("RGBA")).reshape(-1, 4)
            drawn = drawn[drawn[:, 3] > 0, :3]  # the rest lies beyond the photo
            assert np.abs(drawn.mean(0) - own).max() < 15
    assert "among the 10 images of the atlas" in units
    links = re.findall(r"""(?:src|href)\s*=\s*["']([^"']+)""", text)
    assert all(link.startswith(("data:", "#")) for link in links)


def test_the_photo_stands_beside_the_images_like_it(pictures, photo, tmp_path):
    network = build()
    atlas = ph.Atlas.build(network, pictures, tmp_path / "atlas", layers="2", features="5")
    found = atlas.neighbours(photo, k=6)
    text = report(network, photo, tmp_path / "page.html", tmp_path / "atlas").read_text(encoding="utf-8")
    near = section(text, "neighbours")
    keys = re.findall(r"</strong> (\S+), distance", near)
    assert keys == list(found.keys[0])
    assert len(re.findall("<img ", near)) == 6
    assert 'href="#neighbours"' in text
    assert f"atlas={str(tmp_path / 'atlas')!r}" in text.replace("&#39;", "'")


def test_layers_are_those_that_the_atlas_holds_where_it_has_any_near(pictures, photo, tmp_path):
    network = build()
    plain = report(network, photo, tmp_path / "plain.html").read_text(encoding="utf-8")
    atlas = ph.Atlas.build(network, pictures, tmp_path / "atlas", layers="0", features=[])
    text = report(network, photo, tmp_path / "page.html", atlas).read_text(encoding="utf-8")
    layers = {
        name: json.loads(re.search(r'id="phosphene">(.*?)</script>', page, re.DOTALL)[1])["layers"]
        for name, page in (("plain", plain), ("atlas", text))
    }
    assert layers["plain"]["early"] == "1"
    assert layers["atlas"]["early"] == "0"
    assert layers["atlas"]["late"] == layers["plain"]["late"]
    assert "holds no units of this layer" in section(text, "units")
    assert 'id="neighbours"' not in text
    assert "atlas" not in plain.lower()


def test_a_photo_that_is_gone_leaves_words_and_the_page_is_written(pictures, photo, tmp_path):
    network = build()
    atlas = ph.Atlas.build(network, pictures, tmp_path / "atlas", layers=["0", "1", "2", "3"], features="5")
    for file in pictures.rglob("*.png"):
        file.unlink()
    text = report(network, photo, tmp_path / "page.html", atlas).read_text(encoding="utf-8")
    assert 'class="gone"' in section(text, "units")
    assert "its file is not there any more" in section(text, "neighbours")
    assert '<div class="past">\n        <img' not in text


def test_the_same_atlas_gives_the_same_bytes(pictures, photo, tmp_path):
    network = build()
    atlas = ph.Atlas.build(network, pictures, tmp_path / "atlas", layers="3")
    first = report(network, photo, tmp_path / "a.html", atlas)
    assert first.read_bytes() == report(network, photo, tmp_path / "b.html", atlas).read_bytes()


def test_an_atlas_of_another_network_is_refused_in_a_sentence(pictures, photo, tmp_path):
    atlas = ph.Atlas.build(build(), pictures, tmp_path / "atlas", layers="3")
    with pytest.raises(ValueError, match="holds nothing of Sequential with these weights, only of Sequential"):
        report(build(seed=1), photo, tmp_path / "page.html", atlas)
    assert not (tmp_path / "page.html").exists()
    with pytest.raises(FileNotFoundError, match="there is no atlas at"):
        report(build(), photo, tmp_path / "page.html", tmp_path / "nothing")
