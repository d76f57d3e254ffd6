import base64
import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from phosphene.picture import (
    THEMES,
    Circle,
    Drawing,
    Image,
    Line,
    Polygon,
    Polyline,
    Rect,
    Text,
    fit,
    rasterise,
    resolve,
    shifted,
    text_width,
    to_svg,
    wrap,
)

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 4, 3)).astype(np.uint8)
EVERY = (
    Rect(2, 2, 30, 20, fill="panel", stroke="#123456", radius=4, opacity=0.5),
    Image(PIXELS, 10, 10, 40, 30),
    Line(0, 0, 100, 50, "accent"),
    Polyline(((0, 0), (20, 30), (40, 5)), "accent2", 2),
    Polygon(((5, 5), (20, 5), (10, 40)), "muted", 0.3),
    Circle(70, 30, 9),
    Text(5, 55, 'a < b & "c" → −1.2e−6', 12, "bold", mono=True),
)


def test_crisp_images_are_enlarged_pixel_for_pixel():
    pixels = np.asarray(rasterise(Drawing(60, 50, (Image(PIXELS, 10, 10, 40, 30),)), "dark", 2))
    assert np.array_equal(pixels[20:80, 20:100], PIXELS.repeat(20, 0).repeat(20, 1))
    assert np.asarray(pixels[0, 0]).tolist() == [0x13, 0x12, 0x17]


def test_shapes_cover_their_area():
    def ink(*marks):
        grey = np.asarray(rasterise(Drawing(100, 60, marks), "light").convert("RGB")).astype(float)
        paper = grey[-1, -1, 0]
        return ((paper - grey[..., 0]) / paper).sum()

    assert ink(Rect(10, 10, 20.0, 5.0, fill="#000000")) == pytest.approx(100, rel=1e-6)
    assert ink(Rect(10.5, 10.25, 20.0, 5.0, fill="#000000", radius=0.01)) == pytest.approx(100, rel=0.05)
    assert ink(Circle(50, 30, 20, "#000000")) == pytest.approx(np.pi * 400, rel=0.02)
    assert ink(Line(10, 20.5, 60, 20.5, "#000000", 1)) == pytest.approx(50, rel=0.02)
    assert ink(Polyline(((10, 10), (50, 40)), "#000000", 3)) == pytest.approx(150, rel=0.08)
    assert ink(Polygon(((10, 10), (50, 10), (10, 50)), "#000000")) == pytest.approx(800, rel=0.03)
    ring = ink(Rect(10, 10, 40, 20, stroke="#000000", stroke_width=2))
    assert ring == pytest.approx(42 * 22 - 38 * 18, rel=0.05)
    assert ink(Rect(10, 10, 20, 5, fill="#000000", opacity=0.5)) == pytest.approx(50, rel=0.02)


def test_the_same_drawing_gives_the_same_pixels_and_text():
    drawing = Drawing(100, 60, EVERY)
    assert rasterise(drawing, "light", 1.5).tobytes() == rasterise(drawing, "light", 1.5).tobytes()
    assert to_svg(drawing) == to_svg(drawing)


def test_marks_that_leave_the_paper_are_cut_off_without_cost():
    marks = (
        Circle(0, 0, 1e5),
        Line(-1e6, 5, 1e6, 5),
        Text(1e5, 10, "far"),
        Rect(-1e6, -1e6, 1e5, 1e5, fill="ink", radius=3),
    )
    assert rasterise(Drawing(40, 30, marks)).size == (40, 30)


@pytest.mark.parametrize("size", [1e-9, 0.01, 0.2])
def test_marks_much_smaller_than_a_pixel_are_drawn_without_an_error(size):
    marks = (
        Line(10, 10, 10 + size, 10, stroke_width=size), Polyline(((1, 1), (1 + size, 1), (5, 5))), Circle(9, 9, size),
        Rect(20, 20, size, 5, fill="ink", opacity=0.5), Rect(30, 20, 5, size, stroke="ink", stroke_width=size),
    )  # fmt: skip
    assert rasterise(Drawing(40, 40, marks)).size == (40, 40)


def test_shifted_marks_draw_the_same_elsewhere():
    one = np.asarray(rasterise(Drawing(100, 60, EVERY)))
    two = np.asarray(rasterise(Drawing(130, 80, shifted(EVERY, 30, 20))))
    assert np.abs(two[25:70, 35:].astype(int) - one[5:50, 5:]).max() <= 2


def test_svg_is_well_formed_and_needs_nothing_outside():
    for theme in (None, "light", "dark"):
        text = to_svg(Drawing(100, 60, EVERY), theme, metadata='{"a": "<b> & ]]>"}')
        root = ET.fromstring(text)
        assert root.get("viewBox") == "0 0 100 60"
        assert all(link.startswith("data:image/png;base64,") for link in re.findall(r'(?:href|src)="([^"]*)"', text))
        assert "url(" not in text
        assert "@import" not in text
        assert ("prefers-color-scheme" in text) == (theme is None)
        assert ("var(--phosphene-accent)" in text) == (theme is None)
        assert root.find("{http://www.w3.org/2000/svg}metadata").text == '{"a": "<b> & ]]>"}'


def test_images_in_svg_are_the_pixels():
    href = re.search(r'href="data:image/png;base64,([^"]+)"', to_svg(Drawing(10, 10, EVERY))).group(1)
    with Pillow.open(io.BytesIO(base64.b64decode(href))) as image:
        assert np.array_equal(np.asarray(image), PIXELS)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=30), st.sampled_from(["regular", "bold"]))
def test_any_text_can_be_measured_painted_and_written(string, weight):
    width = text_width(string, 14, weight)
    assert width >= 0
    drawing = Drawing(200, 30, (Text(100, 20, string, 14, weight, "middle"),))
    rasterise(drawing)
    ET.fromstring(to_svg(drawing))


@pytest.mark.parametrize("sign", "−–—×→←≤≥≈≠∞√Δμµσß²³±·°…’“”éüñåçšØ•")
def test_signs_of_captions_have_ink_of_their_own(sign):
    def pixels(string):
        return rasterise(Drawing(60, 60, (Text(10, 45, string, 40),))).tobytes()

    assert pixels(sign) != pixels(" ")
    assert pixels(sign) != pixels("日")


def test_text_stays_within_the_width_that_was_measured():
    for weight in ("regular", "bold"):
        string = "Range −0.52 to 1.30 ×→ fjord"
        width = text_width(string, 40, weight)
        image = np.asarray(rasterise(Drawing(900, 70, (Text(20, 50, string, 40, weight),))))
        columns = np.flatnonzero((image != image[0, 0]).any(axis=(0, 2)))
        assert columns[0] >= 18
        assert columns[-1] <= 20 + width + 2
        assert columns[-1] >= 20 + width - 6


def test_digits_are_all_one_width():
    assert len({round(text_width(digit, 14, "bold"), 6) for digit in "0123456789"}) == 1


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="abc dé−\n", max_size=80), st.integers(20, 200))
def test_wrapped_lines_fit_and_lose_nothing(string, width):
    lines = wrap(string, 14, width)
    assert all(text_width(line, 14) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == string.replace(" ", "").replace("\n", "")


def test_a_long_line_ends_in_an_ellipsis():
    short = fit("goose, Branta canadensis", 14, 80)
    assert short.endswith("…")
    assert text_width(short, 14) <= 80
    assert fit("goose", 14, 80) == "goose"


def test_wrong_colours_themes_and_sizes_are_refused_in_words():
    with pytest.raises(ValueError, match="'ikn' is no colour of a drawing"):
        rasterise(Drawing(9, 9, (Circle(1, 1, 1, "ikn"),)))
    with pytest.raises(ValueError, match="'ikn' is no colour of a drawing"):
        to_svg(Drawing(9, 9, (Circle(1, 1, 1, "ikn"),)))
    with pytest.raises(ValueError, match="'drak' is no theme; near it: dark"):
        rasterise(Drawing(9, 9), "drak")
    with pytest.raises(ValueError, match="above 0, not 0 × 9"):
        Drawing(0, 9)
    with pytest.raises(ValueError, match="more than 250,000,000; give a scale below"):
        rasterise(Drawing(1e5, 1e5))
    with pytest.raises(ValueError, match="a scale is above 0"):
        rasterise(Drawing(9, 9), scale=float("nan"))


@pytest.mark.parametrize("theme", THEMES)
def test_words_can_be_read_on_their_paper(theme):
    def luminance(role):
        c = np.array([int(resolve(role, theme)[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    for role, least in (("ink", 12), ("muted", 4.5), ("accent", 4.5), ("accent2", 3)):
        pair = sorted([luminance(role), luminance("paper")])
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= least


def test_a_long_name_is_broken_behind_its_dots():
    lines = wrap("features.denseblock2.denselayer16.conv2:117", 14, 150)
    assert len(lines) > 1
    assert all(line[-1] in ".:" for line in lines[:-1])
    assert "".join(lines) == "features.denseblock2.denselayer16.conv2:117"
