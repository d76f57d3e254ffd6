"""The microscope under many clients: every question answered or refused in words, memory over time.

Each client is a page of its own: it holds a stream of events, uploads photos of its own, and asks, one thing after the
other and without a pause, for a layer's maps, for the answer, for a stored picture, and for a synthesis as a job, some
of which it stops. Client and server share the machine's cores. The server is a process of its own; its memory is read
once a second.

    python benchmarks/microscope_load.py [CLIENTS] [MINUTES] [PHOTOS]

PHOTOS different photos go through the maps, the answer and a stored instrument first, one after the other: the memory
that each hundred of them adds is the second table.
"""

from __future__ import annotations

import http.client
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

SERVER = """
import sys
from phosphene.microscope import microscope
handle = microscope(open=False, cache=sys.argv[1])
print(handle.port, flush=True)
sys.stdin.read()
handle.stop()
"""
MB = 1 << 20


class Page:
    """A client: asks by one connection, and counts what comes back."""

    def __init__(self, port: int, name: str) -> None:
        self.port, self.name = port, name
        self.outcomes: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.random = random.Random(name)
        self.token = json.loads(self.ask("GET", "/session")[1])["token"]

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        headers = {"x-phosphene-page": self.name} | ({"x-phosphene-token": self.token} if method != "GET" else {})
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def counted(self, what: str, method: str, path: str, body: bytes | None = None) -> bytes | None:
        """The answer's body; None where it was refused. Counts it as answered, refused in words, or lost."""
        started = time.monotonic()
        try:
            status, data = self.ask(method, path, body)
        except OSError as error:
            self.outcomes[f"{what}: lost, {type(error).__name__}"] += 1
            return None
        self.seconds.append(time.monotonic() - started)
        if status < 300:
            self.outcomes[f"{what}: answered"] += 1
            return data
        words = json.loads(data).get("error", "")
        known = status in (409, 429, 503) and words
        self.outcomes[f"{what}: {'refused in words' if known else f'failed, {status} {words}'}"] += 1
        if known:
            time.sleep(0.2)
        return None

    def listen(self, until: float) -> None:
        """Reads the page's events."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", f"/events?page={self.name}")
        answer = connection.getresponse()
        while time.monotonic() < until and answer.readline():
            pass
        connection.close()

    def work(self, until: float) -> None:
        while time.monotonic() < until:
            photo = self.counted("upload", "POST", "/api/images", picture(self.random.randrange(1 << 30)))
            image = json.loads(photo)["image"] if photo else "sample/cat.jpg"
            layer = self.random.choice(("conv_stem", "blocks.1", "blocks.3", "blocks.5", "conv_head"))
            self.counted("maps", "GET", f"/api/maps.bin?layer={layer}&image={image}")
            self.counted("answer", "GET", f"/api/answer?image={image}")
            self.counted("instrument", "GET", f"/api/run/grad-cam.png?images={image}")
            self.job(until)

    def job(self, until: float) -> None:
        """A synthesis of some steps, followed to its end, or stopped after a while."""
        options = {"target": "blocks.1:3", "size": "64", "steps": str(self.random.choice((4, 200)))}
        body = self.counted(
            "job", "POST", "/api/jobs", json.dumps({"instrument": "synthesize", "options": options}).encode()
        )
        if body is None:
            return
        path, stop = f"/api/jobs/{json.loads(body)['job']}", time.monotonic() + 5
        while time.monotonic() < until + 120:
            status, data = self.ask("GET", path)
            state = json.loads(data).get("state") if status == 200 else f"lost, {status}"
            if state not in ("waiting", "running"):
                self.outcomes[f"job's end: {state}"] += 1
                return
            if time.monotonic() > stop:
                self.ask("DELETE", path)
            time.sleep(0.3)
        self.outcomes["job's end: none"] += 1


def picture(seed: int) -> bytes:
    """A photo of 640 × 480 pixels that no other is."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(coarse).resize((640, 480), Image.Resampling.BICUBIC).save(file, "JPEG")
    return file.getvalue()


def memory(process: int) -> float:
    """The MB that a process holds."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def photos(page: Page, process: int, count: int) -> None:
    print("| photos | memory, MB |\n| --- | --- |")
    print(f"| 0 | {memory(process):.0f} |")
    for at in range(1, count + 1):
        image = json.loads(page.ask("POST", "/api/images", picture(10**6 + at))[1])["image"]
        for path in (
            f"/api/maps.bin?layer=blocks.3&image={image}",
            f"/api/answer?image={image}",
            f"/api/run/grad-cam.png?images={image}",
        ):
            status, data = page.ask("GET", path)
            assert status == 200, data
        if at % max(1, count // 10) == 0:
            print(f"| {at} | {memory(process):.0f} |", flush=True)
    print()


def main(clients: int = 50, minutes: float = 10.0, count: int = 500) -> None:
    with tempfile.TemporaryDirectory() as cache:
        server = subprocess.Popen([sys.executable, "-c", SERVER, cache], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert server.stdin is not None
        assert server.stdout is not None
        port = int(server.stdout.readline())
        photos(Page(port, "page-of-photos"), server.pid, count)
        pages = [Page(port, f"page-number-{at}") for at in range(clients)]
        started = time.monotonic()
        until = started + 60 * minutes
        threads = [threading.Thread(target=page.work, args=(until,)) for page in pages]
        threads += [threading.Thread(target=page.listen, args=(until,), daemon=True) for page in pages]
        for thread in threads:
            thread.start()
        print("| minute | memory, MB | answers so far |\n| --- | --- | --- |")
        for tenth in range(11):
            time.sleep(max(0.0, started + 60 * minutes * tenth / 10 - time.monotonic()))
            answers = sum(len(page.seconds) for page in pages)
            print(f"| {minutes * tenth / 10:.1f} | {memory(server.pid):.0f} | {answers} |", flush=True)
        for thread in threads[:clients]:
            thread.join()
        seconds = np.sort(np.concatenate([page.seconds for page in pages]))
        outcomes = sum((page.outcomes for page in pages), Counter())
        left = json.loads(Page(port, "page-at-the-end").ask("GET", "/api/jobs")[1])["jobs"]
        stopping = time.monotonic()
        server.stdin.close()
        server.wait(30)
        print("\n| what became of it | times |\n| --- | --- |")
        for name, times in sorted(outcomes.items()):
            print(f"| {name} | {times} |")
        half, most = seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.95)]
        print(f"\n{clients} clients; {len(seconds)} answers; median {half:.2f} s, 95 % below {most:.2f} s. ", end="")
        print(f"Jobs left at the end: {len(left)}. The server ended in {time.monotonic() - stopping:.1f} s.")
        lost = [name for name in outcomes if "lost" in name or "failed" in name or "none" in name]
        sys.exit(f"lost: {lost}" if lost else 0)


if __name__ == "__main__":
    main(*(kind(word) for kind, word in zip((int, float, int), sys.argv[1:], strict=False)))
