import base64
import json
import re
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import phosphene as ph
from phosphene.atlas.zoom.pyramid import SIZE, depth, halved, page, pyramid

CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--allow-file-access-from-files")
TOLD = {"title": "Mosaic <1>", "subtitle": "by x & y", "caption": "All.", "map": "PCA.", "tile": 64, "images": []}


def cut(pixels):
    def stretch(left, top, size):
        tile = np.zeros((size, size, 4), np.uint8)
        part = pixels[top : top + size, left : left + size]
        tile[: part.shape[0], : part.shape[1]] = part
        return tile if tile[..., 3].any() else None

    return stretch


def written(tmp_path, pixels):
    path = pyramid(tmp_path / "out", pixels.shape[1], pixels.shape[0], cut(pixels), TOLD)
    text = path.read_text(encoding="utf-8")
    return path, json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])


def smooth(height, width):
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height), 255 + 0 * x], -1)
    return pixels.astype(np.uint8)


def test_tiles_of_all_levels_are_the_picture_and_its_means(tmp_path):
    pixels = smooth(700, 1100)
    path, data = written(tmp_path, pixels)
    assert data["levels"] == depth(1100, 700) == 3
    expected = np.zeros((8 * SIZE, 8 * SIZE, 4), np.uint8)
    expected[:700, :1100] = pixels
    for level in (3, 2, 1, 0):
        side = -(-1100 // (SIZE << (3 - level))), -(-700 // (SIZE << (3 - level)))
        for column in range(side[0]):
            for row in range(side[1]):
                tile = np.array(Image.open(path.parent / f"tiles/{level}/{column}/{row}.webp").convert("RGBA"))
                own = expected[row * SIZE : (row + 1) * SIZE, column * SIZE : (column + 1) * SIZE]
                solid = own[..., 3] == 255
                assert (tile[..., 3] == own[..., 3]).all()
                assert np.abs(tile[..., :3].astype(int) - own[..., :3])[solid].mean() < 4
        expected = halved(expected)
    assert len(list(path.parent.rglob("*.webp"))) == 5 * 3 + 3 * 2 + 2 * 1 + 1


def test_empty_tiles_are_not_written_and_the_page_knows(tmp_path):
    pixels = np.zeros((600, 900, 4), np.uint8)
    pixels[10:40, 800:830] = 255
    path, data = written(tmp_path, pixels)
    names = {file.relative_to(path.parent).as_posix() for file in path.parent.rglob("*.webp")}
    assert names == {"tiles/2/3/0.webp", "tiles/1/1/0.webp", "tiles/0/0/0.webp"}
    bits = np.unpackbits(np.frombuffer(base64.b64decode(data["there"][2]), np.uint8))[: 3 * 4].reshape(3, 4)
    assert np.argwhere(bits).tolist() == [[0, 3]]


def test_means_weigh_colours_by_their_alpha():
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, 0] = [200, 100, 40, 255]
    assert halved(pixels)[0, 0].tolist() == [200, 100, 40, 64]
    assert (halved(np.full((4, 4, 4), 255, np.uint8)) == 255).all()


def test_a_pyramid_replaces_one_and_nothing_else(tmp_path):
    pixels = smooth(300, 300)
    path, _ = written(tmp_path, pixels)
    written(tmp_path, pixels[:100, :100])
    assert len(list(path.parent.rglob("*.webp"))) == 1
    assert [child.name for child in tmp_path.iterdir()] == ["out"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(ValueError, match="holds other things"):
        pyramid(tmp_path / "mine", 300, 300, cut(pixels), TOLD)
    with pytest.raises(FileNotFoundError, match="make it first"):
        pyramid(tmp_path / "a" / "b", 300, 300, cut(pixels), TOLD)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_a_pyramid_that_fails_leaves_nothing(tmp_path):
    def broken(left, top, size):
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        pyramid(tmp_path / "out", 900, 900, broken, TOLD)
    assert list(tmp_path.iterdir()) == []


def test_names_can_not_break_out_of_the_page():
    text = page({**TOLD, "images": [[0, 0, "</script><b>{{ SCRIPT }}", "{{ DATA }}"]], "width": 9, "height": 9})
    assert "Mosaic &lt;1&gt;" in text
    assert text.count("</script>") == 2
    assert "{{ TITLE }}" not in text
    assert not re.search(r'(src|href)="(?!data:)', text)


# ---- in a browser


@pytest.fixture(scope="module")
def mosaic(tmp_path_factory):
    """A zoomable mosaic of 30 coloured pictures of three classes, as its page's path."""
    root = tmp_path_factory.mktemp("mosaic")
    for index in range(30):
        path = root / "set" / "abc"[index % 3] / f"{index:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (90, 70), tuple(int(c) for c in np.random.default_rng(index).integers(0, 256, 3))).save(path)
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)).eval()
    atlas = ph.Atlas.build(
        ph.Network(module, ph.Preprocessing((16, 16))), root / "set", root / "atlas", layers="0", features="3"
    )
    atlas.mosaic(path=root / "zoom", method="pca", tile=100)
    return root / "zoom" / "index.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    if not (CHROMIUM and DRIVER):
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}", "--window-size=1000,800"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


def settled(browser):
    browser.execute_async_script(
        "const done = arguments[0]; const wait = () => [...tiles.values()].every((image) => image.complete) ?"
        " requestAnimationFrame(() => requestAnimationFrame(() => done())) : setTimeout(wait, 20);"
        "setTimeout(wait, 60);"
    )


def opened(browser, path):
    browser.get(path.as_uri())
    settled(browser)
    return browser.execute_script("return [view.x, view.y, view.scale]")


def test_the_page_shows_the_whole_from_the_disk_without_errors(browser, mosaic):
    x, _, scale = opened(browser, mosaic)
    assert x == pytest.approx(browser.execute_script("return data.width / 2"))
    assert 0 < scale < 8
    top, bottom = browser.execute_script("return [toScreen(0, 0)[1], toScreen(0, data.height)[1]]")
    assert top >= browser.execute_script("return header.getBoundingClientRect().bottom")
    assert bottom <= browser.execute_script("return how.getBoundingClientRect().top")
    assert browser.execute_script("return [...tiles.values()].length") > 0
    assert browser.execute_script("return [...tiles.values()].every((image) => image.naturalWidth > 0)")
    assert browser.get_log("browser") == []


def test_keys_wheel_and_buttons_zoom_and_move_and_stay_within_limits(browser, mosaic):
    from selenium.webdriver import ActionChains, Keys

    whole = opened(browser, mosaic)
    canvas = browser.find_element("css selector", "canvas")
    ActionChains(browser).send_keys("+").send_keys("+").send_keys(Keys.ARROW_RIGHT).perform()
    x, y, scale = browser.execute_script("return [view.x, view.y, view.scale]")
    assert scale == pytest.approx(whole[2] * 1.4**2)
    assert x > whole[0]
    assert y == pytest.approx(whole[1])
    ActionChains(browser).send_keys("0").perform()
    assert browser.execute_script("return [view.x, view.y, view.scale]") == pytest.approx(whole)
    below = "return toMosaic(700, 300)"
    before = browser.execute_script(below)
    browser.execute_script(
        "arguments[0].dispatchEvent(new WheelEvent('wheel', {deltaY: -200, clientX: 700, clientY: 300}))", canvas
    )
    assert browser.execute_script("return view.scale") > whole[2]
    assert browser.execute_script(below) == pytest.approx(before, abs=0.01)
    for _ in range(40):
        browser.execute_script("document.getElementById('closer').click()")
    assert browser.execute_script("return view.scale") == 8
    settled(browser)
    assert browser.execute_script("return [...tiles.values()].every((image) => image.naturalWidth > 0)")
    for _ in range(60):
        browser.execute_script("document.getElementById('further').click()")
    assert browser.execute_script("return view.scale") == pytest.approx(whole[2] / 2)
    assert browser.get_log("browser") == []


def test_two_fingers_zoom_about_their_middle(browser, mosaic):
    opened(browser, mosaic)
    move = (
        "const send = (type, id, x, y) => canvas.dispatchEvent(new PointerEvent(type,"
        " {pointerId: id, clientX: x, clientY: y, isPrimary: id === 1}));"
        "canvas.setPointerCapture = () => {}; const before = [view.scale, toMosaic(500, 400)];"
        "send('pointerdown', 1, 450, 400); send('pointerdown', 2, 550, 400);"
        "send('pointermove', 1, 400, 400); send('pointermove', 2, 600, 400);"
        "send('pointerup', 1, 400, 400); send('pointerup', 2, 600, 400);"
        "return [before[0], view.scale, before[1], toMosaic(500, 400)];"
    )
    scale, zoomed, before, after = browser.execute_script(move)
    assert zoomed == pytest.approx(2 * scale)
    assert after == pytest.approx(before, abs=1)


def test_hovering_an_image_names_it(browser, mosaic):
    opened(browser, mosaic)
    at = "const [left, top] = data.images[arguments[0]]; return toScreen(left + data.tile / 2, top + data.tile / 2)"
    for index in (0, 5):
        x, y = browser.execute_script(at, index)
        browser.execute_script("point(arguments[0], arguments[1])", x, y)
        key, label = browser.execute_script("return data.images[arguments[0]].slice(2)", index)
        said = browser.find_element("id", "named").text
        assert said.split("\n") == [label, key]
    browser.execute_script("point(-1e9, -1e9)")
    assert browser.find_element("id", "named").text == ""


def test_light_and_dark_follow_the_reader_and_the_button(browser, mosaic):
    opened(browser, mosaic)
    paper = "return getComputedStyle(document.body).backgroundColor"
    for chosen, colours in (("light", ("rgb(252, 251, 249)", "rgb(19, 18, 23)")),
                            ("dark", ("rgb(19, 18, 23)", "rgb(252, 251, 249)"))):  # fmt: skip
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": chosen}]}
        )
        opened(browser, mosaic)
        first = browser.execute_script(paper)
        browser.execute_script("document.getElementById('theme').click()")
        assert (first, browser.execute_script(paper)) == colours


def test_the_page_fits_a_narrow_screen(browser, mosaic):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 640, "deviceScaleFactor": 2, "mobile": False}
    )
    try:
        opened(browser, mosaic)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
        assert browser.execute_script("return canvas.width") == 720
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
