import hashlib
import io
import threading
import warnings

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from phosphene.picture import Photo, read


def test_a_png_is_read_bit_for_bit_with_its_origin(tmp_path, astronaut, encoded):
    path = tmp_path / "face.png"
    path.write_bytes(encoded(astronaut))
    photo = read(path)
    assert np.array_equal(photo.pixels, astronaut)
    assert (photo.name, photo.path, photo.grey, photo.notes) == ("face.png", str(path), False, ())
    assert photo.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert photo.encoded == path.read_bytes()
    assert (photo.height, photo.width) == astronaut.shape[:2]


def test_the_path_stays_as_the_caller_gave_it(tmp_path, astronaut, encoded, monkeypatch):
    (tmp_path / "face.png").write_bytes(encoded(astronaut))
    monkeypatch.chdir(tmp_path)
    assert read("face.png").path == "face.png"


def test_pixels_are_read_only_and_not_the_callers(astronaut):
    mine = astronaut.copy()
    photo = read(mine)
    mine[:] = 0
    assert photo.pixels.any()
    with pytest.raises(ValueError, match="read-only"):
        photo.pixels[0, 0] = 0


def test_a_photo_is_returned_as_it_is(astronaut):
    photo = read(astronaut)
    assert read(photo) is photo


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))), st.sampled_from("PWTBA"))
def test_lossless_files_arrays_and_tensors_give_the_same_pixels(pixels, door):
    file = io.BytesIO()
    if door == "P":
        Image.fromarray(pixels).save(file, "PNG")
    elif door == "W":
        Image.fromarray(pixels).save(file, "WEBP", lossless=True, exact=True)
    elif door == "T":
        Image.fromarray(pixels).save(file, "TIFF", compression="tiff_lzw")
    elif door == "B":
        Image.fromarray(pixels).save(file, "BMP")
    source = file.getvalue() if file.getvalue() else torch.from_numpy(pixels).permute(2, 0, 1)
    assert np.array_equal(read(source).pixels, pixels)


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6), st.sampled_from([1, 3]))))
def test_uint16_and_floats_of_bytes_come_back_as_the_bytes(pixels):
    expected = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
    assert np.array_equal(read(pixels.astype(np.uint16) * 257).pixels, expected)
    assert np.array_equal(read(pixels / 255).pixels, expected)
    assert np.array_equal(read(pixels.astype(np.float32) / 255).pixels, expected)
    assert np.array_equal(read(torch.from_numpy(pixels).permute(2, 0, 1).float() / 255).pixels, expected)


def test_sixteen_bits_are_rounded_to_the_nearest_of_eight():
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    assert np.array_equal(read(levels).pixels[..., 0], np.rint(levels / 257).astype(np.uint8))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_files_are_scaled_and_not_clipped(encoded, kind):
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    photo = read(encoded(Image.fromarray(levels), kind))
    assert np.array_equal(photo.pixels[..., 1], np.rint(levels / 257).astype(np.uint8))
    assert photo.grey
    assert photo.notes == ("scaled from 16 bits to 8",)


def test_tiff_of_other_orders_and_signs_is_scaled_or_refused_in_words(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    tifffile.imwrite(tmp_path / "big.tif", levels, byteorder=">")
    assert np.array_equal(read(tmp_path / "big.tif").pixels[..., 0], np.rint(levels / 257).astype(np.uint8))
    tifffile.imwrite(tmp_path / "white.tif", levels, photometric="miniswhite")
    assert np.array_equal(read(tmp_path / "white.tif").pixels[..., 0], np.rint((65535 - levels) / 257).astype(np.uint8))
    tifffile.imwrite(tmp_path / "float.tif", (levels / 65535).astype(np.float32))
    assert np.array_equal(read(tmp_path / "float.tif").pixels[..., 0], np.rint(levels / 257).astype(np.uint8))
    tifffile.imwrite(tmp_path / "much.tif", levels.astype(np.float32))
    with pytest.raises(ValueError, match=r"floats from 0 to 6.554e\+04; floats must lie in \[0, 1\]"):
        read(tmp_path / "much.tif")
    tifffile.imwrite(tmp_path / "signed.tif", (levels // 2).astype(np.int16))
    with pytest.raises(ValueError, match="white is not known; scale them"):
        read(tmp_path / "signed.tif")
    tifffile.imwrite(tmp_path / "colour.tif", np.repeat(levels[:, :, None], 3, 2), photometric="rgb")
    assert np.abs(read(tmp_path / "colour.tif").pixels[..., 2].astype(int) - np.rint(levels / 257)).max() <= 1


def test_sixteen_bit_colour_is_scaled_and_noted(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "c.tif", np.full((4, 4, 3), 40_000, np.uint16), photometric="rgb")
    photo = read(tmp_path / "c.tif")
    assert "scaled from 16 bits to 8" in photo.notes
    assert photo.pixels.max() in (155, 156)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_photos_are_rotated_as_their_exif_says(encoded, orientation, kind):
    upright = np.zeros((16, 24, 3), np.uint8)
    upright[:8, :8] = 255  # a white corner at the top left
    undo = {2: 0, 3: 1, 4: 3, 5: 5, 6: 2, 7: 6, 8: 4}  # PIL transposes that take upright to how it is stored
    stored = Image.fromarray(upright)
    if orientation > 1:
        stored = stored.transpose(
            {
                0: Image.Transpose.FLIP_LEFT_RIGHT,
                1: Image.Transpose.ROTATE_180,
                2: Image.Transpose.ROTATE_90,
                3: Image.Transpose.FLIP_TOP_BOTTOM,
                4: Image.Transpose.ROTATE_270,
                5: Image.Transpose.TRANSPOSE,
                6: Image.Transpose.TRANSVERSE,
            }[undo[orientation]]
        )
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100}}.get(kind, {})
    photo = read(encoded(stored, kind, exif=exif, **lossless))
    assert photo.pixels.shape == upright.shape
    assert np.abs(photo.pixels.astype(int) - upright).max() <= 4
    assert ("rotated as its EXIF says" in photo.notes) == (orientation > 1)


def test_cmyk_is_converted_and_noted(encoded, astronaut):
    photo = read(encoded(Image.fromarray(astronaut).convert("CMYK"), "JPEG", quality=100, subsampling=0))
    assert photo.notes == ("converted from CMYK",)
    assert np.abs(photo.pixels.astype(int) - astronaut).mean() < 4


def test_a_palette_with_a_clear_colour_is_laid_over_the_background(encoded):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata([0, 1])
    data = encoded(image, "PNG", transparency=1)
    assert read(data).pixels.tolist() == [[[10, 20, 30], [255, 255, 255]]]
    photo = read(data, background="#ff0080")
    assert photo.pixels.tolist() == [[[10, 20, 30], [255, 0, 128]]]
    assert photo.notes == ("alpha laid over #ff0080",)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_laid_over_the_background(encoded, mode):
    image = Image.new(mode, (1, 1), (100, 100, 100, 128) if mode == "RGBA" else (100, 128))
    photo = read(encoded(image))
    assert np.abs(photo.pixels.astype(int) - (100 * 128 + 255 * 127) / 255).max() <= 1
    assert photo.notes == ("alpha laid over white",)
    assert photo.grey == (mode == "LA")
    assert read(np.asarray(Image.new("RGBA", (1, 1), (9, 9, 9, 0))), background="black").pixels.max() == 0


def test_opaque_alpha_leaves_no_note(encoded, astronaut):
    photo = read(encoded(Image.fromarray(astronaut).convert("RGBA")))
    assert np.array_equal(photo.pixels, astronaut)
    assert photo.notes == ()


def test_the_first_of_many_frames_is_read(encoded):
    frames = [Image.new("RGB", (5, 4), (60 * index, 0, 0)) for index in range(4)]
    for kind, word in (("GIF", "frames"), ("WEBP", "frames"), ("TIFF", "pages")):
        options = {"lossless": True} if kind == "WEBP" else {}
        photo = read(encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options))
        assert photo.notes == (f"first of 4 {word}",)
        assert photo.pixels.max() == 0


def test_an_embedded_profile_moves_the_colours_to_srgb(encoded, astronaut):
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = read(encoded(astronaut, "PNG", icc_profile=lab))
    assert np.array_equal(same.pixels, astronaut)
    assert same.notes == ()


def test_a_grey_file_with_an_rgb_profile_or_a_broken_one_is_read_all_the_same(encoded, astronaut):
    photo = read(encoded(astronaut, "PNG", icc_profile=b"not a profile"))
    assert np.array_equal(photo.pixels, astronaut)
    assert photo.notes == ("its broken colour profile ignored",)


def test_a_linear_profile_brightens_to_srgb(encoded):
    # sRGB's own profile with its three tone curves replaced by 'curv' of no points, which means linear light
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132], "big")
    for index in range(count):
        entry = 132 + 12 * index
        tag, start = bytes(profile[entry : entry + 4]), int.from_bytes(profile[entry + 4 : entry + 8], "big")
        if tag in (b"rTRC", b"gTRC", b"bTRC"):
            profile[start : start + 12] = b"curv" + b"\0" * 8
        if tag == b"desc":
            text = bytes(profile[start:]).find("sRGB".encode("utf-16-be"))
            profile[start + text : start + text + 8] = "Line".encode("utf-16-be")
    photo = read(encoded(np.full((2, 2, 3), 55, np.uint8), "PNG", icc_profile=bytes(profile)))
    assert abs(int(photo.pixels[0, 0, 0]) - 128) <= 2  # linear 55/255 = 0.2157 is sRGB 0.502
    assert photo.notes[0].startswith("moved to sRGB from its colour profile (Line")


def test_grey_sources_say_so(encoded, astronaut):
    assert read(astronaut[..., 0]).grey
    assert read(encoded(astronaut[..., 0], "JPEG")).grey
    assert read(encoded(Image.fromarray(astronaut).convert("1"))).grey
    assert not read(astronaut).grey


def test_tensors_of_every_float_type_on_the_graph_are_read():
    tensor = torch.full((3, 2, 4), 0.5, requires_grad=True)
    assert read(tensor).pixels.shape == (2, 4, 3)
    assert read(tensor.bfloat16()).pixels.max() == 128
    assert read(tensor[None].half()).name == "tensor"
    assert read(tensor[0]).grey


def test_open_files_and_pil_images_are_read(tmp_path, astronaut, encoded):
    (tmp_path / "a.png").write_bytes(encoded(astronaut))
    with open(tmp_path / "a.png", "rb") as file:
        photo = read(file)
    assert (photo.name, photo.path) == ("a.png", None)
    with Image.open(tmp_path / "a.png") as image:
        assert np.array_equal(read(image).pixels, astronaut)
        assert image.size == (120, 100)


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((0, 4, 3)), r"shape \(0, 4, 3\) and so holds no pixels"),
        (np.full((2, 2), np.nan), "holds 4 NaN or infinite values of 4"),
        (np.full((2, 2), np.inf), "NaN or infinite"),
        (np.full((2, 2), 1.5), r"floats from 1.5 to 1.5; floats must lie in \[0, 1\]"),
        (np.full((2, 2), -0.1), "floats from -0.1"),
        (np.zeros((3, 8, 9)), "channels first: give array.transpose"),
        (np.zeros((2, 2, 5)), r"shape \(2, 2, 5\); a photo has shape"),
        (np.zeros((2, 4, 4, 3)), "one image at a time"),
        (np.zeros(5), r"shape \(5,\)"),
        (np.float64(3), r"can't be read from float64|shape \(\)"),
    ],
)
def test_arrays_that_are_no_photo_are_refused_in_words(array, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        read(array)


def test_types_that_are_no_photo_are_refused_in_words():
    with pytest.raises(TypeError, match="holds int64; a photo is uint8"):
        read(np.zeros((2, 2), np.int64))
    with pytest.raises(TypeError, match="holds bool"):
        read(np.zeros((2, 2), bool))
    with pytest.raises(TypeError, match=r"holds <U1|holds str"):
        read(np.array([["a"]]))
    with pytest.raises(TypeError, match="can't be read from dict; give a path"):
        read({})
    with pytest.raises(TypeError, match="can't be read from NoneType"):
        read(None)
    with pytest.raises(TypeError, match="open as text"):
        read(io.StringIO("x" * 99))
    with pytest.raises(ValueError, match=r"channels last: give tensor.permute\(2, 0, 1\)"):
        read(torch.zeros(8, 9, 3))
    with pytest.raises(ValueError, match="'paper' is no colour"):
        read(np.zeros((2, 2)), background="paper")


def test_paths_to_nothing_folders_and_addresses_are_refused_in_words(tmp_path, astronaut, encoded):
    (tmp_path / "goose.png").write_bytes(encoded(astronaut))
    with pytest.raises(FileNotFoundError, match=r"there is no file '.*gose.png'; near it: goose.png\."):
        read(tmp_path / "gose.png")
    with pytest.raises(FileNotFoundError, match=r"no folder .* either"):
        read(tmp_path / "none" / "a.png")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read(tmp_path / "goose.png" / "a.png")
    with pytest.raises(ValueError, match="is a folder; give one picture"):
        read(tmp_path)
    with pytest.raises(ValueError, match="web address; Phosphene downloads nothing"):
        read("https://example.org/cat.jpg")
    with pytest.raises(ValueError, match="not a regular file"):
        read("/dev/zero")
    with pytest.raises(ValueError, match="null character"):
        read("a\0b.png")
    with pytest.raises(FileNotFoundError, match="the path is empty"):
        read("")
    with pytest.raises(ValueError, match="can't be read: File name too long"):
        read("a" * 5000)


def test_files_that_are_no_picture_are_refused_in_words(tmp_path):
    for name, content, sentence in (
        ("a.png", b"", r"is empty \(0 bytes\)"),
        ("b.png", b"hello world", "is no image; Phosphene reads JPEG"),
        ("c.svg", b"<svg xmlns='x'/>", "is an SVG"),
        ("d.jpg", b"<!DOCTYPE html><html>", "is a web page"),
        ("e.jpg", b"\0\0\0\x18ftypheic1234", "HEIC"),
        ("f.png", b"\x89PNG\r\n\x1a\n", "PNG file that can't be decoded|cut off"),
        ("g.bmp", b"BM" + b"\0" * 60, "BMP file that can't be decoded"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=sentence):
            read(tmp_path / name)


def test_a_bomb_is_refused_from_its_header(png_of_size):
    with pytest.raises(ValueError, match=r"60000 × 60000 pixels, more than the 100,000,000 that are read"):
        read(png_of_size(60_000, 60_000))
    gif = b"GIF89a" + (65_535).to_bytes(2, "little") * 2 + b"\0\0\0;"
    with pytest.raises(ValueError, match="65535 × 65535"):
        read(gif)
    webp = b"RIFF" + (22).to_bytes(4, "little") + b"WEBPVP8X" + (10).to_bytes(4, "little") + b"\0" * 4
    with pytest.raises(ValueError, match="16777216 × 16777216"):
        read(webp + b"\xff" * 6)
    with pytest.raises(ValueError, match="more than the 10 that are read"):
        read(np.zeros((4, 4)), max_pixels=10)


def test_pillows_own_bomb_warning_never_leaks(png_of_size, encoded):
    with pytest.raises(ValueError, match=r"cut off|can't be decoded"):
        read(png_of_size(9_900, 9_900))  # above Pillow's limit of warning, below ours
    with pytest.raises(ValueError):
        read(png_of_size(30_000, 30_000), max_pixels=10**10)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"])
def test_a_file_cut_anywhere_is_read_or_refused_in_one_sentence(encoded, astronaut, kind):
    whole = encoded(astronaut, kind)
    sentences = []
    for cut in np.unique(np.geomspace(1, len(whole) - 1, 60).astype(int)):
        try:
            photo = read(whole[:cut])
        except ValueError as error:
            sentences.append(str(error))
        else:
            assert photo.pixels.shape == astronaut.shape
    assert len(sentences) > 30
    assert all(sentence.endswith(".") and "\n" not in sentence for sentence in sentences)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"])
def test_a_file_with_random_bytes_changed_is_read_or_refused_in_one_sentence(encoded, astronaut, kind):
    whole = np.frombuffer(encoded(astronaut[::4, ::4], kind), np.uint8)
    rng = np.random.default_rng(7)
    sentences = []
    for _ in range(120):
        data = whole.copy()
        span = len(data) if rng.random() < 0.5 else min(len(data), 120)
        data[rng.integers(0, span, rng.integers(1, 6))] = rng.integers(0, 256)
        try:
            photo = read(data.tobytes(), max_pixels=4_000_000)
        except ValueError as error:
            sentences.append(str(error))
        else:
            assert photo.pixels.dtype == np.uint8
    assert all(len(sentence) < 400 and "\n" not in sentence for sentence in sentences)


def test_many_threads_read_at_once_and_leave_the_filters_as_they_were(encoded, astronaut):
    data = encoded(astronaut, "JPEG")
    before = list(warnings.filters)
    errors = []

    def work():
        try:
            for _ in range(20):
                read(data)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert list(warnings.filters) == before


def test_reading_does_not_need_torch():
    import subprocess
    import sys

    code = "import sys, numpy, phosphene.picture as p; p.read(numpy.zeros((2, 2))); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_photo_can_be_cropped_and_shown(astronaut):
    photo = read(astronaut)
    part = photo.crop((10, 20, 30, 50))
    assert np.array_equal(part.pixels, astronaut[20:50, 10:30])
    assert part.notes == ("cropped to columns 10 to 30 and rows 20 to 50",)
    with pytest.raises(ValueError, match="is not inside the photo, which is 120 wide and 100 high"):
        photo.crop((0, 0, 121, 10))
    with Image.open(io.BytesIO(photo._repr_png_())) as image:
        assert np.array_equal(np.asarray(image), astronaut)
    assert np.array_equal(np.asarray(photo.pil()), astronaut)
    with pytest.raises(ValueError, match="a photo's pixels are uint8"):
        Photo(np.zeros((2, 2, 3)))


def test_the_hash_of_an_array_depends_on_its_shape():
    assert read(np.zeros((2, 8))).sha256 != read(np.zeros((4, 4))).sha256
    assert read(np.zeros((2, 8))).sha256 == read(np.zeros((2, 8, 3))).sha256
