"""The report's section on a second network: its numbers are the instruments', and it is the same again."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import phosphene as ph
from phosphene.reporting import report
from phosphene.reporting.beside import LIMIT

LABELS = ["ant", "bee"]


def network(seed, classes=2, labels=LABELS):
    torch.manual_seed(seed)
    layers = [nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 8, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return ph.Network(nn.Sequential(*layers, nn.Linear(8, classes)).eval(), ph.Preprocessing.plain(24), labels)


@pytest.fixture(scope="module")
def two():
    return network(0), network(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eight pictures in a folder for each class."""
    place = tmp_path_factory.mktemp("classes")
    values = np.random.default_rng(0)
    for number in range(16):
        (place / LABELS[number % 2]).mkdir(exist_ok=True)
        pixels = values.integers(0, 255, (24, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / LABELS[number % 2] / f"{number}.png")
    return place


@pytest.fixture(scope="module")
def photo(folder):
    return ph.read(folder / "ant" / "0.png")


def text_of(path):
    return path.read_text(encoding="utf-8")


def test_the_section_holds_what_the_instruments_answer_and_is_the_same_again(two, folder, photo, tmp_path, unchanged):
    one, other = two
    with unchanged(one.module, other.module):
        paths = [report(one, photo, tmp_path / f"{at}.html", against=other, images=folder) for at in (0, 1)]
    first, second = map(text_of, paths)
    assert first == second
    section = first[first.index('<section id="beside"') : first.index("</main>")]
    compared = ph.compare_networks([one, other], folder, limit=LIMIT)
    for row in compared.networks:
        assert f'<td class="right">{row.top1.mean:.1%}</td>' in section
        assert f'<td class="right">{row.cost.operations:,}</td>' in section
    assert f"same answer for {compared.agreement[0, 1]:.0%} of 16 images" in section
    assert "a second" not in section.replace("A second network", "")  # of speed: no two runs measure it alike
    values = ph.similarity(one, other, folder, limit=LIMIT).values
    assert f">{values[0, 0]:.2f}</text>".replace("-", "−") in section
    assert "ph.similarity(network, against, " in section
    assert "ph.compare_networks([network, against], " in section
    assert f"against=against, images={str(folder)!r}" in first.replace("&#39;", "'")


def test_without_images_only_the_photo_s_answers_stand_side_by_side(two, photo, tmp_path):
    one, other = two
    text = text_of(report(one, photo, tmp_path / "x.html", against=other))
    section = text[text.index('<section id="beside"') : text.index("</main>")]
    guesses = other.classify(photo, 5)
    assert all(guess.label in section for guess in guesses)
    labels = {one.classify(photo, 1)[0].label, guesses[0].label}
    assert ("Both say" in section) == (len(labels) == 1)
    assert "<svg" not in section


def test_what_can_not_be_compared_is_said_and_the_rest_still_stands(two, folder, photo, tmp_path):
    one, _ = two
    torch.manual_seed(2)
    silent = ph.Network(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval(), ph.Preprocessing.plain(24))
    text = text_of(report(one, photo, tmp_path / "x.html", against=silent, images=folder))
    section = text[text.index('<section id="beside"') : text.index("</main>")]
    assert "names no class" in section
    assert "There is no agreement: " in section
    assert "How alike their layers are" in section


@pytest.mark.parametrize(
    ("against", "images", "error", "words"),
    [
        (None, "folder", ValueError, "name the second one"),
        ("itself", None, ValueError, "compared with itself"),
        ("a name", None, TypeError, "phosphene.load opens one"),
        ("other", "nowhere", FileNotFoundError, "nowhere"),
    ],
)
def test_what_is_no_comparison_is_refused_before_any_work(two, folder, photo, tmp_path, against, images, error, words):
    one, other = two
    second = {"itself": one, "other": other}.get(against, against)
    source = folder if images == "folder" else images
    with pytest.raises(error, match=words):
        report(one, photo, tmp_path / "x.html", against=second, images=source)
    assert not (tmp_path / "x.html").exists()


def test_pages_without_a_second_network_have_no_such_section(two, photo, tmp_path):
    text = text_of(report(two[0], photo, tmp_path / "x.html"))
    assert "#beside" not in text
    assert 'id="beside"' not in text
