"""The pictures of the microscope's pages: `python docs/screenshots.py [NAME ...]`, with ATLAS in the environment.

A microscope on the embedded network, a small atlas (`make atlas`) and a folder of this atlas's pictures is looked at in
Chromium, at 1280 × 800 pixels, and what it shows is written as WebP into docs/pictures/.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from phosphene.microscope import microscope

FOLDER = Path(__file__).parent / "pictures"
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def look(page: Any) -> None:
    page.goto("/look?image=sample/cat.jpg&layer=blocks.3&unit=42&order=strongest")
    page.wait_for_selector(".pairs li:last-child .signal img")


def look_dark(page: Any) -> None:
    page.goto("/look?image=sample/coffee.jpg&layer=blocks.2&unit=11&order=variance&theme=dark")
    page.wait_for_selector(".pairs li:last-child .signal img")


def volumes(page: Any) -> None:
    page.goto("/look?image=sample/cat.jpg&show=volumes&theme=dark&layer=blocks.2.1")
    page.wait_for_selector(".volumes-canvas")
    page.wait_for_timeout(3000)


def why(page: Any) -> None:
    page.goto("/why?image=sample/cat.jpg&methods=grad-cam,occlusion&target=logits:285&versus=logits:287")
    page.wait_for_selector(".why-pair:last-child .figure-body svg", timeout=240_000)


def atlas(page: Any) -> None:
    page.goto("/map")
    page.wait_for_selector(".map-canvas")
    page.wait_for_timeout(1500)
    page.get_by_role("button", name="Lasso").click()
    box = page.locator(".map-canvas").bounding_box()
    for number, (x, y) in enumerate([(0.52, 0.28), (0.76, 0.24), (0.76, 0.46), (0.52, 0.46)]):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=5)
        if number == 0:
            page.mouse.down()
    page.mouse.up()
    page.wait_for_selector(".split-side table")


def dream(page: Any) -> None:
    page.goto("/dream?instrument=class-image&label=goose&batch=2&steps=160&theme=dark")
    page.locator("button.primary:not([disabled])").click()
    page.wait_for_selector(".work .figure-body svg", timeout=600_000)


def compare(page: Any) -> None:
    page.goto("/compare?other=torchvision:resnet18@none&image=sample/coffee.jpg")
    page.wait_for_timeout(5000)


def compare_folder(page: Any) -> None:
    page.set_viewport_size({"width": 1280, "height": 1240})
    page.goto("/compare?on=folder&other=torchvision:resnet18@none")
    page.locator(".question button.primary").first.click()
    page.wait_for_selector("image.cells", timeout=240_000)
    box = page.locator("image.cells").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])


PICTURES: dict[str, Callable[[Any], None]] = {
    "look": look, "look-dark": look_dark, "volumes": volumes, "why": why, "map": atlas, "dream": dream,
    "compare": compare, "compare-folder": compare_folder,
}  # fmt: skip


def main() -> None:
    from playwright.sync_api import sync_playwright

    networks = ["efficientnet_lite0", "torchvision:resnet18@none"]
    path = os.environ.get("ATLAS", "ready.atlas")
    with (
        tempfile.TemporaryDirectory() as cache,
        microscope(networks, Path(path) / "pictures", path, open=False, cache=cache) as handle,
        sync_playwright() as started,
    ):
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for name in sys.argv[1:] or PICTURES:
            context = browser.new_context(base_url=handle.url, viewport={"width": 1280, "height": 800})
            page = context.new_page()
            page.set_default_timeout(120_000)
            PICTURES[name](page)
            page.wait_for_timeout(1500)
            image = Image.open(io.BytesIO(page.screenshot()))
            image.convert("RGB").save(FOLDER / f"microscope-{name}.webp", quality=82, method=6)
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
