"""How quick the microscope's page is, in a real browser, as a markdown table: `python benchmarks/microscope.py`.

A microscope on the embedded network and a small atlas (`make atlas`, or `--atlas PATH`) is served in a process of its
own; Debian's Chromium looks at it, with its software rendering, at 1280 × 860 pixels. Each number is the median of
`--rounds` rounds; the page's own marks tell when a thing was asked for and when it was painted. What needs computing is
asked for with other images in each round, so that nothing is remembered from the one before.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np

import phosphene as ph

CAT = Path(ph.__file__).parent / "photos" / "cat.jpg"
SERVER = """
import sys
from phosphene.microscope import microscope
handle = microscope(atlas=sys.argv[1], open=False, cache=sys.argv[2])
print(handle.url, flush=True)
handle.wait()
"""


def served(atlas: str, cache: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen([sys.executable, "-c", SERVER, atlas, cache], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip().rstrip("/")


def memory(process: subprocess.Popen[str]) -> float:
    """Megabytes that a process holds."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def upload(url: str, photo: ph.Photo) -> str:
    import io

    token = json.load(urlopen(f"{url}/session"))["token"]
    file = io.BytesIO()
    photo.pil().save(file, "JPEG", quality=92)
    asked = Request(f"{url}/api/images", file.getvalue(), {"X-Phosphene-Token": token}, method="POST")
    return json.load(urlopen(asked))["image"]


def varied(number: int) -> ph.Photo:
    """The cat with other values, so that nothing about it is stored."""
    generator = np.random.default_rng(number)
    pixels = ph.read(CAT).pixels.astype(np.int16) + generator.integers(-3, 4, ph.read(CAT).pixels.shape)
    return ph.read(pixels.clip(0, 255).astype(np.uint8))


def mark(page: object, name: str, after: float = 0.0, seconds: float = 60.0) -> float:
    """When a mark was set, in the page's milliseconds; the first one after a time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        times = page.evaluate("name => performance.getEntriesByName(name).map(entry => entry.startTime)", name)
        if later := [each for each in times if each >= after]:
            return later[0]
        page.wait_for_timeout(10)
    raise TimeoutError(f"no mark {name!r} within {seconds:g} s")


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--atlas", default="ready.atlas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photos", type=int, default=500, help="photos whose maps and answers are asked for in turn")
    options = parser.parse_args()
    rows: list[tuple[str, str, str]] = []
    with tempfile.TemporaryDirectory() as cache, sync_playwright() as started:
        process, url = served(options.atlas, cache)
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 860})

        def median(name: str, target: str, measure: Callable[[int], float], unit: str = "ms") -> None:
            values = [measure(number) for number in range(options.rounds)]
            low, high = min(values), max(values)
            rows.append((name, f"{statistics.median(values):.0f} {unit} ({low:.0f} – {high:.0f})", target))
            print(rows[-1], file=sys.stderr, flush=True)

        images = [upload(url, varied(number)) for number in range(2 * options.rounds + 2)]

        def usable(number: int) -> float:
            page.goto(f"{url}/look")
            return mark(page, "usable")

        def grid(number: int) -> float:
            page.goto(f"{url}/look?image={images[number]}&layer=conv_head")
            mark(page, "grid-drawn")
            page.goto(f"{url}/look?image={images[number]}&layer=blocks.5")
            before = mark(page, "grid-drawn")
            page.locator(".strip-layer[data-layer=conv_head]").click()
            asked = mark(page, "layer-asked", before)
            return mark(page, "grid-drawn", asked) - asked

        def pane(number: int) -> float:
            page.goto(f"{url}/look?layer=blocks.3")
            mark(page, "grid-drawn")
            page.wait_for_timeout(300)
            before = page.evaluate("performance.now()")
            page.locator(".tiles").click(position={"x": 40 + 75 * number, "y": 40})
            return mark(page, "unit-patches", before) - before

        def first_frame(number: int) -> float:
            page.goto(f"{url}/dream?instrument=synthesize&target=blocks.3:{number}&steps=24&seed={number}")
            page.locator("button.primary:not([disabled])").click()
            asked = mark(page, "work-asked")
            value = mark(page, "work-first-frame", asked) - asked
            page.wait_for_selector(".work .figure-body", timeout=60_000)
            return value

        def why(number: int) -> float:
            page.goto(f"{url}/why?image={images[options.rounds + number]}&methods=grad-cam")
            asked = mark(page, "why-asked")
            return mark(page, "why-method", asked) - asked

        def frames(number: int) -> float:
            page.goto(f"{url}/look?layer=conv_head")
            mark(page, "grid-drawn")
            return page.evaluate(
                """() => new Promise((done) => {
                    const tiles = document.querySelector('.tiles');
                    const times = [];
                    const step = (now) => {
                        times.push(now);
                        tiles.scrollTop += 24;
                        if (now - times[0] < 2500) requestAnimationFrame(step);
                        else done((1000 * (times.length - 1)) / (times.at(-1) - times[0]));
                    };
                    requestAnimationFrame(step);
                })"""
            )

        median("page usable after its address is opened", "< 1,500 ms", usable)
        median("1,280 tiles drawn after a click, values computed", "< 300 ms", grid)
        median("a unit's patches in its column, stored", "< 300 ms", pane)
        median("first frame of a synthesis", "< 1,000 ms", first_frame)
        median("first method of Why", "< 500 ms", why)
        median("scrolling 1,280 tiles, frames a second", "50", frames, "")

        browser.close()
        held = [memory(process)]
        for number in range(options.photos):
            image = upload(url, varied(1000 + number))
            urlopen(f"{url}/api/maps.bin?image={image}&layer=blocks.3").read()
            urlopen(f"{url}/api/answer?image={image}").read()
            if number % 50 == 49:
                held.append(memory(process))
        half = held[len(held) // 2 :]
        over = " → ".join(f"{each:.0f}" for each in held)
        rows.append((f"memory of the server over {options.photos} photos", f"{over} MB", "flat"))
        rows.append(("its second half", f"{half[0]:.0f} to {half[-1]:.0f} MB", "flat"))
        process.terminate()
    import torch

    where = f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads"
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {where}, {options.rounds} rounds\n")
    print("| what | measured: median (lowest – highest) | target |\n| --- | --- | --- |")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
