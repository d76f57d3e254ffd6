"""The report: one file, whole, the same twice, and readable without anything outside it."""

import json
import re
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
import timm
import torch
from torch import nn

import phosphene as ph
from phosphene.network import Network, Preprocessing
from phosphene.reporting import report
from phosphene.reporting.choose import choose, deeper_convolution

PHOTOS = Path(ph.__file__).parent / "photos"
CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking --no-first-run"
).split()


@pytest.fixture(scope="module")
def photo():
    return ph.read(PHOTOS / "cat.jpg")


@pytest.fixture(scope="module")
def embedded():
    return ph.load()


@pytest.fixture(scope="module")
def written(embedded, photo, tmp_path_factory):
    return report(embedded, photo, tmp_path_factory.mktemp("report") / "cat.html")


def small(*parts: nn.Module, labels=None) -> Network:
    torch.manual_seed(0)
    head = (nn.Conv2d(3, 8, 5), nn.ReLU(), nn.Conv2d(8, 6, 3), nn.ReLU())
    return Network(nn.Sequential(*head, *parts), Preprocessing.plain(24), labels)


def refers_outside(text: str) -> list[str]:
    """Everything in the page that a browser would fetch from elsewhere."""
    links = re.findall(r"""(?:src|href|poster|data|action)\s*=\s*["']?([^"'\s>]+)""", text)
    links += re.findall(r"url\(([^)]*)\)", text)
    found = [link for link in links if not link.startswith(("data:", "#"))]
    return (
        found
        + re.findall(r"https?://[^\s\"'<]*", re.sub(r'xmlns="[^"]*"', "", text))
        + re.findall("<link|@import", text)
    )


def test_the_report_names_the_five_best_classes_with_their_probabilities(embedded, photo, written):
    text = written.read_text(encoding="utf-8")
    guesses = embedded.classify(photo, 5)
    answers = text[text.index('id="classes"') : text.index('id="network"')]
    assert re.findall(r'class="name">([^<]+)<', answers) == [guess.label for guess in guesses]
    assert f"{100 * guesses[0].probability:.1f} %" in answers


def test_the_report_is_one_small_file_that_needs_nothing_outside(written):
    text = written.read_text(encoding="utf-8")
    assert written.stat().st_size < 5_000_000
    assert refers_outside(text) == []
    assert "<script src" not in text
    assert [path.name for path in written.parent.iterdir()] == [written.name]


def test_every_image_has_a_text_and_every_heading_follows_in_order(written):
    text = written.read_text(encoding="utf-8")
    images = re.findall(r"<img [^>]*>", text)
    assert images
    assert all(re.search(r' alt="[^"]+"', image) for image in images)
    assert all(' role="img" aria-label="' in drawing for drawing in re.findall(r"<svg [^>]*>", text))
    levels = [int(level) for level in re.findall(r"<h([1-6])", text)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_report_holds_what_makes_it_again(embedded, photo, written):
    text = written.read_text(encoding="utf-8")
    record = json.loads(re.search(r'id="phosphene">(.*?)</script>', text, re.DOTALL)[1])
    assert record["network"]["fingerprint"] == embedded.fingerprint
    assert record["photo"]["sha256"] == photo.sha256
    assert list(record["layers"]) == ["early", "middle", "late"]
    assert f"phosphene report {photo.path}" in text


def test_the_best_class_and_the_strongest_units_get_what_they_would_like_to_see(embedded, photo, written):
    text = written.read_text(encoding="utf-8")
    section = text[text.index('id="synthesised"') : text.index('id="again"')]
    best = embedded.classify(photo, 1)[0]
    assert re.findall(r"An image made for ([^\s\"]+)", section)[0] == f"logits:{best.index}"
    assert len(re.findall("<img ", section)) == 4
    reached = float(re.search(r"reaches ([\d.]+);", section)[1])
    assert reached > best.score
    assert f"phosphene synthesize logits:{best.index} --steps" in section


def test_a_network_that_keeps_no_gradient_has_no_synthesised_images(photo, tmp_path):
    class Cut(nn.Module):
        def forward(self, x):
            return x.detach()

    torch.manual_seed(0)
    network = Network(nn.Sequential(Cut(), nn.Conv2d(3, 8, 5), nn.ReLU(), Cut(), nn.Flatten()), Preprocessing.plain(24))
    text = report(network, photo, tmp_path / "cut.html").read_text(encoding="utf-8")
    assert 'id="synthesised"' not in text
    assert 'href="#synthesised"' not in text


def test_the_same_network_and_photo_give_the_same_bytes(photo, tmp_path):
    network = small(nn.Flatten(), nn.Linear(6 * 18 * 18, 3))
    first = report(network, photo, tmp_path / "a.html")
    second = report(network, photo, tmp_path / "b.html")
    assert first.read_bytes() == second.read_bytes()


def test_a_network_of_ones_own_is_reported_with_its_labels(photo, tmp_path):
    network = small(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3), labels=["cat", "dog & <b>", "goose"])
    text = report(network, photo, tmp_path / "own.html").read_text(encoding="utf-8")
    assert "dog &amp; &lt;b&gt;" in text
    assert "<b>" not in text
    assert "ph.Network(module)" in text
    assert "phosphene report" not in text.lower().replace("phosphene report</p>", "")


def test_a_network_that_is_no_classifier_says_so(photo, tmp_path):
    text = report(small(), photo, tmp_path / "maps.html").read_text(encoding="utf-8")
    assert "it is no classifier" in text
    assert 'class="bars"' not in text


def test_a_transformer_says_that_only_its_patches_have_filters(photo, tmp_path):
    torch.manual_seed(0)
    network = Network(timm.create_model("vit_tiny_patch16_224", img_size=64, depth=3))
    text = report(network, photo, tmp_path / "vit.html").read_text(encoding="utf-8")
    assert "This network is a transformer: patch_embed.proj" in text
    assert [part.layer.name for part in choose(network.layers())][::2] == ["patch_embed", "norm"]
    assert refers_outside(text) == []
    assert (tmp_path / "vit.html").stat().st_size < 5_000_000


def test_a_network_without_maps_is_reported_without_them(photo, tmp_path):
    network = Network(nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 4)), Preprocessing.plain(8))
    text = report(network, photo, tmp_path / "flat.html").read_text(encoding="utf-8")
    assert "has no convolution" in text
    assert "maps with more than one place" in text


def test_a_network_that_no_method_answers_for_is_reported_without_reasons(photo, tmp_path):
    class Mean(nn.Module):
        def forward(self, x):
            return x.mean((2, 3))

    network = Network(Mean(), Preprocessing.plain(32))
    page = report(network, photo, tmp_path / "mean.html").read_text(encoding="utf-8")
    assert "Why it says so" not in page
    assert "#why" not in page


def test_layers_are_chosen_in_order_and_before_a_ceiling(embedded):
    early, middle, late = choose(embedded.layers())
    names = [layer.name for layer in embedded.layers()]
    places = [names.index(part.layer.name) for part in (early, middle, late)]
    assert places == sorted(set(places))
    assert early.layer.field.height.stride <= 4
    assert late.layer.maps_shape[1:] == (7, 7)
    assert {part.before for part in (early, middle, late)} == {"ReLU6"}
    values = embedded.maps(torch.rand(1, 3, 224, 224), late.layer.name)
    assert values.min() < 0  # before its ReLU6


def test_a_deeper_convolution_has_a_pattern_in_space(embedded):
    name = deeper_convolution(embedded)
    assert name is not None
    assert max(dict(embedded.module.named_modules())[name].kernel_size) == 5


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("missing/report.html", FileNotFoundError, "there is no folder"),
        ("report.pdf", ValueError, "must end in .html"),
        ("folder.html", ValueError, "is a folder"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused_before_any_work(photo, tmp_path, name, error, words):
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(error, match=words):
        report(small(), photo, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.html"]


def test_what_is_no_photo_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(TypeError, match="on one photo, not str"):
        report(small(), "cat.jpg", tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def browser(tmp_path):
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    if not (CHROMIUM and DRIVER):
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1280,900"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


def test_a_browser_shows_the_page_without_errors_or_requests(browser, written):
    browser.get(written.as_uri())
    images = browser.execute_async_script(
        "const done = arguments[0];"
        "Promise.all([...document.images].map((image) => image.decode().then(() => image.naturalWidth, () => 0)))"
        ".then(done);"
    )
    assert images
    assert min(images) > 0
    wanted = [
        message["params"]["request"]["url"]
        for entry in browser.get_log("performance")
        if (message := json.loads(entry["message"])["message"])["method"] == "Network.requestWillBeSent"
        and message["params"]["documentURL"] == written.as_uri()  # not the browser's own start page
    ]
    assert wanted[0] == written.as_uri()
    assert all(url == written.as_uri() or url.startswith("data:") for url in wanted)
    assert browser.get_log("browser") == []


def test_the_toggle_turns_the_page_dark_and_back(browser, written):
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "light"}]}
    )
    browser.get(written.as_uri())
    paper = "return getComputedStyle(document.body).backgroundColor"
    light = browser.execute_script(paper)
    browser.execute_script("document.querySelector('button').click()")
    dark = browser.execute_script(paper)
    browser.execute_script("document.querySelector('button').click()")
    assert (light, dark) == ("rgb(252, 251, 249)", "rgb(19, 18, 23)")
    assert browser.execute_script(paper) == light


def test_a_narrow_screen_needs_no_sideways_scrolling(browser, written):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 420, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    browser.get(written.as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 420


def test_the_table_of_layers_keeps_its_totals_in_view_and_its_columns_on_a_narrow_screen(browser, written):
    sizes = """
        const box = document.querySelector(".table"), foot = box.querySelector("tfoot td");
        const below = foot.getBoundingClientRect().bottom - box.getBoundingClientRect().bottom;
        return [below, box.scrollWidth - box.clientWidth];
    """
    browser.get(written.as_uri())
    below, _ = browser.execute_script(sizes)
    assert below <= 0
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 500, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    _, clipped = browser.execute_script(sizes)
    assert clipped <= 0
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    height = "const box = document.querySelector('.table'); return box.scrollHeight - box.clientHeight"
    assert browser.execute_script(height) <= 0
