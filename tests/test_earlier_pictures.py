"""Pictures that an earlier version wrote are made again: their records stay readable."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import phosphene as ph

EARLIER = Path(__file__).parent / "pictures"
PHOTO = files("phosphene") / "photos" / "cat.jpg"
AXES = ("class_image",)  # whose axes are drawn otherwise since


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image.convert("RGB")).astype(int)


@pytest.mark.parametrize("path", sorted(EARLIER.glob("*.webp")), ids=lambda path: path.stem)
def test_a_picture_of_an_earlier_version_is_made_again(path, tmp_path):
    picture = ph.again(path, str(PHOTO))
    made = ph.read_made(path)["made"]
    assert picture.made["instrument"] == made["instrument"] == path.stem
    assert made["options"].items() <= picture.made["options"].items()  # others have come since
    assert made["picture"].items() <= picture.made["picture"].items()
    again = pixels(picture.save(tmp_path / path.name, scale=0.5))
    if path.stem not in AXES:
        assert again.shape == pixels(path).shape
        assert np.abs(again - pixels(path)).mean() < 0.5  # the last bits of a score, or of a map


def test_an_svg_of_an_earlier_version_is_made_again_to_the_letter(tmp_path):
    path = EARLIER / "filters.svg"
    again = ph.again(path).save(tmp_path / "filters.svg").read_text(encoding="utf-8")
    drawn, drawn_before = (text.partition("<style>")[2].splitlines() for text in (again, path.read_text("utf-8")))
    # one sentence has had a verb since
    changed = [pair for pair in zip(drawn, drawn_before, strict=True) if pair[0] != pair[1]]
    assert all("each has its own range" in now and "each its own range" in before for now, before in changed)
    assert len(changed) == 1
