"""A microscope on the embedded network, and a browser's page that fails its test on errors and on foreign requests."""

import functools
import shutil
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

import phosphene as ph
from phosphene.atlas.ready import pieces, shipped

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


LABELS = ("astronaut", "cat", "chessboard RGB", "coffee", "coins", "rocket")


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """A folder of six pictures that packages bring along, each whole and in four pieces, its name as its label."""
    folder = tmp_path_factory.mktemp("pictures")
    by_label = {file.stem.replace("_", " "): file for file in shipped()}
    for label in LABELS:
        if label not in by_label:
            pytest.skip("scikit-image's pictures are not installed")
        (folder / label).mkdir()
        for number, piece in enumerate(pieces(ph.read(by_label[label]), across=2)):
            piece.pil().save(folder / label / f"{number}.jpg", quality=90)
    return folder


@pytest.fixture(scope="session")
def small_atlas(pictures, tmp_path_factory):
    """An atlas of these pictures: three layers of the embedded network, and the classes."""
    path = tmp_path_factory.mktemp("atlas") / "small.atlas"
    layers = ["conv_stem", "blocks.3", "logits"]
    ph.Atlas.build(ph.load(), pictures, path, layers=layers, features=["global_pool"], k=6)
    return path


@pytest.fixture(scope="session")
def served(small_atlas, pictures, tmp_path_factory):
    """A microscope on the embedded network, a folder and an atlas; its cache is a folder of the tests."""
    pytest.importorskip("sse_starlette", reason="the extra 'microscope' is not installed")
    from phosphene.microscope import microscope

    networks = ["efficientnet_lite0", "torchvision:resnet18@none"]
    with microscope(networks, pictures, small_atlas, open=False, cache=tmp_path_factory.mktemp("microscope")) as handle:
        yield handle


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium, shared by all tests; its camera is a drawn one."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


def until(page, expression: str, arg=None, seconds: float = 20) -> None:
    """Waits until a page's expression is true. The page lets no text run as a script, so it is asked from outside."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression, arg):
        assert time.monotonic() < end, f"not so after {seconds:g} s: {expression}"
        page.wait_for_timeout(50)


class Watched:
    """What went wrong on a page: errors on its console, errors of its scripts, requests to other hosts."""

    def __init__(self, page, host: str) -> None:
        self.faults: list[str] = []
        self.host = host
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        page.on("request", self._request)

    def _console(self, message) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console: {message.text} ({message.location.get('url')})")

    def _request(self, request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("blob", "data") and address.netloc != self.host:
            self.faults.append(f"request: {request.url}")


@pytest.fixture
def new_page(served, chromium) -> Iterator[Callable]:
    """`new_page(**options)`: a page in a fresh context of the browser. The test fails on any fault of any of them.

    `page.watched.faults` lists the faults so far; a test that causes one on purpose takes it out.
    """
    opened = []

    def make(**options):
        usual = {"base_url": served.url, "viewport": {"width": 1280, "height": 860}, "reduced_motion": "reduce"}
        context = chromium.new_context(**usual | options)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.until = functools.partial(until, page)
        page.watched = Watched(page, urlsplit((usual | options)["base_url"]).netloc)
        opened.append((context, page))
        return page

    yield make
    for context, _ in opened:
        context.close()
    faults = [fault for _, page in opened for fault in page.watched.faults]
    assert not faults, "\n".join(faults)


@pytest.fixture
def page(new_page):
    """A page of 1280 × 860 pixels, not yet gone anywhere: `page.goto("/look")`."""
    return new_page()


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A microscope on a small network and a folder of four pictures, with limits that tests can reach."""
    pytest.importorskip("sse_starlette", reason="the extra 'microscope' is not installed")
    from microscope_helpers import encoded, network, noise

    from phosphene.microscope.limits import Limits
    from phosphene.microscope.serving import serve

    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(4):
        (folder / f"{seed}.png").write_bytes(encoded(noise(seed)))
    limits = Limits(
        upload_bytes=1 << 20, upload_pixels=1_000_000, uploads_bytes=3 << 20, request_seconds=0.8, send_seconds=1.0,
        connections=40, jobs_of_client=24, jobs=60, grace_seconds=0.4, photos_asked=6,
    )  # fmt: skip
    home = tmp_path_factory.mktemp("small")
    with serve([network()], folder, open=False, cache=home, limits=limits) as handle:
        yield handle
