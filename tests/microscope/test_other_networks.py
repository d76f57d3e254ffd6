"""Other networks than the embedded one in the browser: convolutions, transformers, a grey channel, one that fails
half-way, one of a thousand layers. Each is small and random; what the page shows is compared with what it computes."""

import re
from urllib.parse import quote

import pytest
import timm
import torch
import torchvision
from torch import nn

import phosphene as ph

CAT = "src/phosphene/photos/cat.jpg"
LABELS = ["ant", "bee", "cow", "dog", "emu"]
GREY = """
import torch
from torch import nn
import phosphene as ph

def digits():
    torch.manual_seed(0)
    features = [nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU()]
    module = nn.Sequential(*features, nn.Flatten(), nn.Linear(16 * 14 * 14, 10)).eval()
    colours = {"colour": "grey", "mean": (0.1307,), "std": (0.3081,)}
    return ph.Network(module, ph.Preprocessing((28, 28), resize=(28, 28), **colours), [str(n) for n in range(10)])
"""


class HalfWay(nn.Module):
    """Fails in its third layer: as soon as it runs at all, or on values alone."""

    def __init__(self, always):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.last = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Linear(8, 5)
        self.always = always

    def forward(self, x):
        x = self.second(self.first(x))
        if self.always or x.device.type != "meta":
            raise RuntimeError("the third layer is out of order")
        return self.last(x.mean((2, 3)))


class Never(HalfWay):
    pass


class Thousand(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.head = nn.Conv2d(3, 4, 3, 2, 1), nn.Linear(4, 5)
        self.layers = nn.ModuleList(nn.Conv2d(4, 4, 1, groups=4) for _ in range(1000))

    def forward(self, x):
        x = self.stem(x)
        for layer in self.layers:
            x = layer(x)
        return self.head(x.mean((2, 3)))


def small(module):
    return ph.Network(module.eval(), ph.Preprocessing((32, 32), resize=(32, 32)), LABELS)


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """A microscope on all of them."""
    pytest.importorskip("sse_starlette", reason="the extra 'microscope' is not installed")
    from phosphene.microscope import microscope

    folder = tmp_path_factory.mktemp("others")
    (folder / "own.py").write_text(GREY)
    torch.manual_seed(0)
    residual = torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=5)
    plain = timm.models.VisionTransformer(img_size=32, patch_size=8, embed_dim=16, depth=2, num_heads=2, num_classes=5)
    shifted = torchvision.models.SwinTransformer([4, 4], 16, [2, 2], [2, 2], [4, 4], num_classes=5)
    modules = [residual, plain, shifted, HalfWay(always=False), Never(always=True), Thousand()]
    networks = [*map(small, modules), f"{folder / 'own.py'}:digits"]
    with microscope(networks, open=False, cache=folder / "cache") as handle:
        yield handle


@pytest.fixture
def other(others, new_page):
    """`other(view, network, **parameters)`: a page of that view; the cat is the image."""
    page = new_page(base_url=others.url)

    def go(view, network, **parameters):
        query = "".join(f"&{name}={quote(str(value), safe=':,')}" for name, value in parameters.items())
        page.goto(f"/{view}?network={quote(name_of(others, network))}&image=sample/cat.jpg{query}")
        return page

    return go


def name_of(others, network):
    return next(name for name in others.microscope.library.networks.names if network in name)


def refused(page):
    """The paths whose questions were refused, taken out of the page's faults."""
    pattern = re.compile(r"console: Failed to load resource.*status of 4(?:04|22).*\(http://[^/]+(/[\w./-]+)")
    paths = [match[1] for fault in page.watched.faults if (match := pattern.match(fault))]
    page.watched.faults = [fault for fault in page.watched.faults if not pattern.match(fault)]
    return paths


def number(text):
    return float(text.replace("−", "-").replace(",", ""))


NETWORKS = ["ResNet", "VisionTransformer", "SwinTransformer", "digits", "Thousand"]


@pytest.mark.parametrize("network", NETWORKS)
def test_a_unit_s_peak_on_the_page_is_that_of_the_network(others, other, network):
    page = other("look", network, unit=1)
    page.wait_for_selector(".unit h2")
    page.until("document.querySelector('.pointed').innerText.startsWith('Largest here')")
    said = page.locator(".pointed").inner_text()
    layer, row, column, value = re.fullmatch(r"Largest here: (.+):1@(\d+),(\d+) = (\S+)", said).groups()
    net = others.microscope.library.networks.open(name_of(others, network))
    maps = others.microscope.maps_of(name_of(others, network), "sample/cat.jpg", [layer])[layer].values
    assert number(value) == pytest.approx(maps[1].max(), rel=6e-3)
    assert maps[1, int(row), int(column)] == pytest.approx(maps[1].max(), rel=2e-3)
    recorded = net.record(net.inputs(ph.read(CAT)), layer)[layer].detach()
    assert torch.isclose(recorded, torch.tensor(float(maps[1].max())), atol=1e-6).any()


@pytest.mark.parametrize("network", ["SwinTransformer", "Thousand"])
def test_arrow_keys_walk_through_the_layers_without_missing_one(other, network):
    page = other("look", network)
    page.wait_for_selector(".tiles-canvas")
    names = page.locator(".strip-layer").evaluate_all("all => all.slice(0, 21).map(each => each.dataset.layer)")
    page.locator(".strip-layer").first.click()
    page.until("name => document.querySelector('.layer-name').innerText === name", names[0])
    page.evaluate("performance.clearMarks()")
    for _ in names[1:]:
        page.keyboard.press("ArrowRight")
    page.until("name => performance.getEntriesByName('grid-drawn').some((mark) => mark.detail === name)", names[-1])
    assert page.evaluate("performance.getEntriesByName('layer-asked').map((mark) => mark.detail)") == names[1:]
    assert page.locator(".grid-place .refused").count() == 0


@pytest.mark.parametrize("network", ["SwinTransformer", "digits", "Thousand"])
def test_a_click_on_the_photo_asks_every_layer_and_boxes_show_them(other, network):
    page = other("look", network, show="volumes", place="200,130")
    page.wait_for_selector(".place-layer")
    page.wait_for_selector(".volumes-canvas")
    page.until("!document.querySelector('.loading')")
    assert 1 < page.locator(".place-layer").count() <= 60
    assert page.locator(".refused").count() == 0


@pytest.mark.parametrize(
    ("network", "without"),
    [("VisionTransformer", ["guided"]), ("SwinTransformer", ["guided"]), ("digits", [])],
)
def test_why_gives_each_usual_method_or_says_what_the_network_lacks(other, network, without):
    page = other("why", network, target="logits:3")
    done = "[...document.querySelectorAll('.why-figures > div')]"
    page.until(
        f"{done}.length === 5 && {done}.every((each) => each.querySelector('.figure-body svg, .refused'))", seconds=60
    )
    assert page.locator(".why-figures .figure-body svg").count() == 5 - len(without)
    assert all("logits:3" in drawing for drawing in page.locator(".why-figures .figure-body").all_inner_texts())
    assert refused(page) == [f"/api/run/{name}.sheet" for name in without]
    sentences = page.locator(".why-figures .refused")
    assert ["no ReLU in this network" in sentence for sentence in sentences.all_inner_texts()] == [True] * len(without)
    assert sentences.get_by_role("button").count() == 0  # asking again would give the same
    # the usual window of occlusion, 32 px, is larger than these inputs
    assert re.search("Window (4 × 4|5 × 5) px", page.locator(".why-figures").inner_text())


@pytest.mark.parametrize("network", ["VisionTransformer", "digits", "Thousand"])
def test_a_dream_is_stopped_and_what_is_there_is_kept(other, network):
    page = other("dream", network, steps=5000, target="logits:2")
    page.locator("button.primary:not([disabled])").click()
    page.until("performance.getEntriesByName('work-first-frame').length")
    page.get_by_role("button", name="Stop and keep").click()
    page.wait_for_selector(".work .figure-body svg")
    caption = page.locator(".work figcaption").inner_text()
    assert re.search(r"stopped after \d+ of 5,?000 steps", caption), caption


@pytest.mark.parametrize("network", ["VisionTransformer", "digits"])
def test_each_is_compared_with_the_embedded_network(others, other, network):
    page = other("compare", network, other="efficientnet_lite0")
    page.wait_for_selector(".compare-words li")
    page.until("document.querySelectorAll('.side .tiles-canvas').length === 2")
    words = page.locator(".compare-words").inner_text()
    assert f"{name_of(others, network)} says " in words
    assert "efficientnet_lite0 says Egyptian cat" in words
    assert "of the way through" in page.locator(".compare-tools").inner_text()


def test_a_network_that_fails_half_way_shows_the_layers_before(other):
    page = other("look", "HalfWay", layer="second", unit=1)
    page.wait_for_selector(".unit h2")
    assert "the third layer is out of order" in page.locator(".answer").inner_text()
    page.locator('.strip-layer[data-layer="last"]').click()
    page.wait_for_selector(".grid-place .refused")
    assert "the third layer is out of order" in page.locator(".grid-place .refused").inner_text()
    page.locator('.strip-layer[data-layer="first"]').click()
    page.wait_for_selector(".tiles-canvas")
    assert "8 units" in page.locator(".grid-foot").inner_text()
    assert refused(page) == ["/api/answer", "/api/maps.bin"]


def test_a_network_that_never_runs_leaves_nothing_of_the_one_before(others, other):
    page = other("look", "HalfWay", layer="second", show="volumes")
    page.wait_for_selector(".tiles-canvas")
    page.wait_for_selector(".volumes-state .refused")  # every question of this network has its answer
    page.until("document.querySelector('.answer').innerText.includes('out of order')")
    refused(page)
    page.locator("#network").select_option(name_of(others, "Never"))
    page.wait_for_selector(".grid-place .refused")
    assert "the third layer is out of order" in page.locator(".grid-place .refused").inner_text()
    former = ".strip-layer, .volumes-canvas, .bars, .refused button, .layer-head .row, .volumes-still"
    assert page.locator(former).filter(visible=True).count() == 0
    assert sorted(set(refused(page))) == ["/api/answer", "/api/layers"]
    page.locator("#network").select_option("efficientnet_lite0")
    page.wait_for_selector(".tiles-canvas")
    assert page.locator(".layer-name").is_visible()


def test_compare_shows_the_layers_of_a_network_that_fails_half_way(others, other):
    page = other("compare", "HalfWay", other="efficientnet_lite0", layer="second")
    first = page.locator(".side").nth(0)
    first.locator(".tiles-canvas").wait_for()
    page.until("document.querySelectorAll('.side h2')[0].innerText === 'second'")
    page.until("document.querySelector('.side .answer').innerText.includes('the third layer is out of order')")
    page.until("document.querySelectorAll('.side .grid-foot')[0].innerText.includes('8 units')")
    names = first.locator(".strip-layer").evaluate_all("all => all.map((each) => each.dataset.layer)")
    assert names[:2] == ["first", "second"]
    first.locator("select").select_option(name_of(others, "Never"))
    first.locator(".grid-place .refused").wait_for()
    assert "the third layer is out of order" in first.locator(".grid-place .refused").inner_text()
    assert first.locator(".strip-layer, .grid-foot *, .network-about *").count() == 0
    page.wait_for_selector(".compare-words p")
    page.until("document.querySelectorAll('.side')[0].querySelector('.answer').innerText.includes('no answer to show')")
    assert set(refused(page)) == {"/api/answer", "/api/layers"}


def test_without_a_folder_compare_says_how_to_bring_one(other):
    page = other("compare", "digits", other="efficientnet_lite0", on="folder")
    page.wait_for_selector(".many .empty")
    assert "--images photos/" in page.locator(".many .empty").inner_text()


def test_among_a_thousand_layers_one_is_found_by_its_name(other):
    page = other("look", "Thousand")
    page.wait_for_selector(".tiles-canvas")
    assert page.locator(".strip-layer").count() > 1000
    page.locator(".strip-layer").first.click()  # has the focus, and gets it back: it must not take the Enter
    page.keyboard.press("/")
    page.get_by_role("combobox", name="Find a layer").fill("layers.987")
    page.keyboard.press("Enter")
    page.until("document.querySelector('.layer-name').innerText === 'layers.987'")
    page.wait_for_timeout(200)
    assert page.locator(".layer-name").inner_text() == "layers.987"
    chosen, strip = (
        page.locator('.strip-layer[data-layer="layers.987"]').bounding_box(),
        page.locator(".strip").bounding_box(),
    )
    assert strip["x"] <= chosen["x"]
    assert chosen["x"] + chosen["width"] <= strip["x"] + strip["width"]
