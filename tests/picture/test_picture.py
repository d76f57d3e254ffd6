import base64
import errno
import io
import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from phosphene.picture import Picture, Range, Sheet, TextBlock, plain, read, read_made
from phosphene.picture.record import from_jpeg, from_png, from_svg, from_webp

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
MADE = {"instrument": "filters", "network": "torchvision:alexnet", "options": {"rule": "minmax", "text": "–→ </x> é"}}
SUFFIXES = [".png", ".webp", ".jpg", ".jpeg", ".svg", ".PNG"]


@pytest.fixture
def picture():
    drawing = Sheet("Title", "sub", [TextBlock("words")], ranges=(Range(-1, 1),), width=400).drawing()
    return Picture(drawing, "Filters.", (Range(-1, 1),), MADE)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_saved_picture_says_how_it_was_made(tmp_path, picture, suffix, theme):
    path = picture.save(tmp_path / f"a{suffix}", theme=theme)
    record = read_made(path)
    assert record["made"] == MADE
    assert record["caption"] == "Filters."
    assert record["ranges"] == [{"low": -1.0, "high": 1.0, "rule": "minmax", "missing": 0}]
    assert record["saved"]["theme"] == theme
    assert list(tmp_path.iterdir()) == [path]
    if suffix != ".svg":
        assert record["saved"]["scale"] == 2.0
        assert read(path).width == 800


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_picture_gives_the_same_bytes(picture, suffix):
    assert picture.encode(suffix.lower()) == picture.encode(suffix.lower())


@pytest.mark.parametrize("suffix", [".png", ".webp", ".jpg", ".svg"])
def test_a_record_may_carry_a_whole_photo(tmp_path, suffix):
    made = {"photo": base64.b64encode(np.random.default_rng(0).bytes(400_000)).decode()}
    path = plain(PIXELS, "c", made=made).save(tmp_path / f"a{suffix}")
    assert read_made(path)["made"] == made


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(), st.recursive(st.integers() | st.text() | st.none(), st.lists, max_leaves=5)))
def test_any_json_comes_back_from_every_kind_of_file(made):
    try:
        json.dumps(made, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    small = plain(PIXELS[:2, :2], made=made)
    for suffix, find in ((".png", from_png), (".webp", from_webp), (".jpg", from_jpeg)):
        assert json.loads(find(small.encode(suffix)))["made"] == made
    if all(character >= " " for character in json.dumps(made, ensure_ascii=False)):
        assert json.loads(from_svg(small.encode(".svg")))["made"] == made


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_plain_pixels_are_saved_bit_for_bit(tmp_path, suffix):
    path = plain(PIXELS).save(tmp_path / f"a{suffix}")
    assert np.array_equal(read(path).pixels, PIXELS)
    assert np.array_equal(np.asarray(plain(PIXELS).image()), PIXELS)


def test_other_programs_can_open_what_was_saved(tmp_path, picture):
    for suffix in (".png", ".webp", ".jpg"):
        with Pillow.open(picture.save(tmp_path / f"a{suffix}")) as image:
            image.load()
            if suffix == ".png":
                assert json.loads(image.text["phosphene"])["made"] == MADE


def test_a_notebook_gets_a_png_at_the_drawings_size(picture):
    data, metadata = picture._repr_mimebundle_()
    with Pillow.open(io.BytesIO(base64.b64decode(data["image/png"]))) as image:
        assert image.width == 800
    assert metadata["image/png"]["width"] == 400
    assert "Filters." in data["text/plain"]
    assert picture._repr_png_() == base64.b64decode(data["image/png"])


def test_wrong_names_folders_and_themes_are_refused_in_words(tmp_path, picture):
    with pytest.raises(ValueError, match=r"can't be saved as '.*a\.gif': its name must end in \.png"):
        picture.save(tmp_path / "a.gif")
    with pytest.raises(FileNotFoundError, match=r"there is no folder .* to save 'a.png' in; make it first"):
        picture.save(tmp_path / "none" / "a.png")
    with pytest.raises(ValueError, match="'sepia' is no theme"):
        picture.save(tmp_path / "a.svg", theme="sepia")
    with pytest.raises(ValueError, match="only an SVG can follow"):
        picture.save(tmp_path / "a.png", theme="auto")
    with pytest.raises(ValueError, match="WEBP can't hold"):
        plain(np.zeros((1, 17_000, 3), np.uint8)).save(tmp_path / "a.webp")
    with pytest.raises(TypeError, match="must be plain JSON, and is not"):
        plain(PIXELS, made={"a": object()}).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="without NaN"):
        plain(PIXELS, made={"a": float("nan")}).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="a picture's pixels are uint8"):
        plain(PIXELS / 255)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, picture, monkeypatch):
    path = picture.save(tmp_path / "a.png")
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="can't be written: No space left on device; nothing was left half-written"):
        picture.save(path, theme="dark")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_files_without_a_record_are_refused_in_words(tmp_path):
    for suffix in (".png", ".webp", ".jpg"):
        Pillow.fromarray(PIXELS).save(tmp_path / f"a{suffix}")
        with pytest.raises(ValueError, match="carries no record of how it was made: Phosphene did not save it"):
            read_made(tmp_path / f"a{suffix}")
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(ValueError, match="is no PNG, WebP, JPEG or SVG"):
        read_made(tmp_path / "a.txt")
    (tmp_path / "a.svg").write_text("<svg xmlns='x'/>")
    with pytest.raises(ValueError, match="carries no record"):
        read_made(tmp_path / "a.svg")
    with pytest.raises(FileNotFoundError, match=r"near it: a\.svg"):
        read_made(tmp_path / "b.svg")
    with pytest.raises(ValueError, match="is a folder"):
        read_made(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".jpg", ".svg"])
def test_a_damaged_file_gives_a_record_or_one_sentence(tmp_path, picture, suffix):
    whole = picture.encode(suffix)
    rng = np.random.default_rng(3)
    path = tmp_path / f"a{suffix}"
    sentences = []
    for _ in range(150):
        data = bytearray(whole[: rng.integers(1, len(whole))] if rng.random() < 0.5 else whole)
        for _ in range(rng.integers(0, 4)):
            data[rng.integers(0, min(len(data), 2000))] = rng.integers(0, 256)
        path.write_bytes(data)
        try:
            assert isinstance(read_made(path), dict)
        except ValueError as error:
            sentences.append(str(error))
    assert all(str(path) in sentence for sentence in sentences)
