"""Every instrument under its address: answered or refused in one sentence, in each form; remembered, and bounded."""

import gc
import json
import threading
from io import BytesIO

import numpy as np
import pytest
import torch
from microscope_helpers import Client, encoded, noise
from PIL import Image

pytest.importorskip("sse_starlette", reason="the extra 'microscope' is not installed")
import phosphene as ph
from phosphene.instrument.fields import Role
from phosphene.microscope.answers import json_bytes
from phosphene.microscope.asking import form, instruments
from phosphene.microscope.stored import Disk, Memory, weight_of

FEW = {
    "steps": "2",
    "size": "64",
    "samples": "2",
    "masks": "4",
    "restarts": "1",
    "limit": "1",
    "batch": "2",
    "images": "2",
    "patches": "1",
    "units": "1",
    "sweeps": "1",
    "depths": "2",
    "children": "2",
    "random": "1",
    "octaves": "1",
    "searches": "1",
    "iterations": "1",
    "groups": "2",
    "top": "2",
    "window": "112",
    "stride": "112",
    "recipes": "fourier",
    "methods": "gradient",
    "tests": "deletion",
    "rules": "gradient",
    "layers": "conv_stem",
    "image": "sample/cat.jpg",
}
NEEDED = {
    Role.LAYER: "conv_stem", Role.LAYERS: "conv_stem", Role.UNIT: "conv_stem:3", Role.TARGET: "logits:lynx",
    Role.LABEL: "lynx", Role.LABELS: "lynx", Role.PHOTO: "sample/cat.jpg", Role.PHOTOS: "sample/",
    Role.IMAGE_SET: "sample/cat.jpg", Role.NETWORKS: "efficientnet_lite0", Role.FOLDER: "folder/", Role.QUERY: "1",
}  # fmt: skip


TEN = ["sample/cat.jpg", "sample/coffee.jpg"] * 5  # which a fit, a choice and a measurement need


SMALLER = {  # where the few above are too few, or still too many
    "adversarial": {"method": "lbfgs", "searches": "2"},
    "robustness": {"methods": "pgd"},
    "selectivity": {"units": "2"},
    "cascade": {"methods": "gradient", "depths": "1"},
    "score-cam": {"layer": "conv_stem"},
    "why": {"methods": "gradient"},
    "integrated-gradients": {"steps": "2"},
    "side-by-side": {"networks": ["efficientnet_lite0", "torchvision:resnet18@none"], "depth": "0.1"},
    "checkerboard": {"target": "conv_stem:3"},
    "facets": {"photos": "folder/"},
    "equivariance": {"images": TEN, "limit": "10", "neighbourhood": "1"},
    "invariance": {"images": TEN, "limit": "10"},
    "similarity": {"images": TEN, "limit": "4", "batch": "4"},
    "stitch": {"images": TEN, "limit": "10", "layer_a": "blocks.0", "layer_b": "blocks.0", "task": "1"},
    "compare-networks": {
        "networks": ["efficientnet_lite0", "torchvision:resnet18@none"],
        "images": TEN[:2],
        "limit": "2",
        "batch": "2",
    },
    "atlas-layer": {"layer": "conv_stem", "units": "2"},
    "atlas-shared": {"labelled": "cat"},
    "atlas-similarity": {"layers": "global_pool", "limit": "6", "batch": "4"},
    "atlas-activations": {"cells": "2", "fewest": "1", "size": "64"},
}


def options(name):
    given = {}
    for field in form(name).fields:
        few = field.name in FEW and field.role in (Role.OPTION, Role.LAYERS)
        if few and (field.name != "steps" or field.kind.type is int):
            given[field.name] = FEW[field.name]
        elif field.required and field.role in NEEDED:
            given[field.name] = NEEDED[field.role]
    return given | SMALLER.get(name, {})


# no OpenCV perhaps; a network whose last layers are of another kind; a folder of pictures, not of a learned system
REFUSED = ("objects", "cam", "learned", "likelihood-estimates", "scores")


@pytest.mark.parametrize("name", sorted(instruments()))
def test_an_instrument_answers_in_every_form_or_refuses_in_a_sentence(served, name):
    client = Client(served)
    numbers = client.get(f"/api/run/{name}.json", **options(name))
    if numbers.status != 200:
        assert numbers.status in (403, 404, 422), numbers.body
        assert numbers.sentence
        assert name in REFUSED, (name, numbers.sentence)
        return
    assert numbers.json()["made"]["instrument"] == form(name).name
    sheet = client.get(f"/api/run/{name}.sheet", **options(name))
    if form(name).draws:
        assert {"title", "svg", "made", "python", "command"} <= set(sheet.json())
    else:
        assert sheet.status == 422
        assert "has no picture" in sheet.sentence


def test_a_picture_holds_its_account_and_is_made_again_from_it(served, tmp_path):
    client = Client(served)
    answer = client.get("/api/run/activations.png", layer="conv_stem", images="sample/coffee.jpg", columns=4)
    assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
    first = tmp_path / "first.png"
    first.write_bytes(answer.body)
    made = ph.read_made(first)["made"]
    assert made["instrument"] == "activations"
    again = ph.again(first).save(tmp_path / "again.png")
    assert np.array_equal(np.asarray(Image.open(first)), np.asarray(Image.open(again)))


@pytest.mark.parametrize(("format", "media"), [("png", "PNG"), ("webp", "WEBP"), ("jpg", "JPEG")])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_come_in_both_themes_and_all_forms(served, format, media, theme):
    answer = Client(served).get(f"/api/run/strongest.{format}", layer="conv_stem", theme=theme)
    with Image.open(BytesIO(answer.body)) as picture:
        assert picture.format == media
        assert (np.asarray(picture.convert("L")).mean() < 128) == (theme == "dark")


def test_a_drawing_comes_in_the_reader_s_colours(served):
    answer = Client(served).get("/api/run/strongest.svg", layer="conv_stem")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert b"prefers-color-scheme" in answer.body
    assert b"<script" not in answer.body


def test_what_a_page_has_is_not_sent_again(served):
    client = Client(served)
    for path in (
        "/api/run/strongest.png?layer=conv_stem",
        "/api/maps.bin?layer=conv_stem",
        "/theme.css",
        "/",
        "/page/js/main.js",
    ):
        first = client.get(path)
        tag = first.headers["etag"]
        for known in (tag, f"W/{tag}", f'"other", {tag}'):
            again = client.get(path, headers={"if-none-match": known})
            assert (again.status, again.body) == (304, b""), (path, known)
        assert client.get(path, headers={"if-none-match": '"other"'}).body == first.body


@pytest.mark.parametrize("form", ["exe", "", "png.exe", "PNG", "html"])
def test_an_unknown_form_is_refused(served, form):
    answer = Client(served).get(f"/api/run/strongest.{form}", layer="conv_stem")
    assert answer.status == 404
    assert answer.sentence


def test_everything_that_api_lists_is_there(served):
    client = Client(served)
    listed = client.get("/api/openapi.json").json()
    assert {f"/api/run/{name}.{{form}}" for name in instruments()} <= set(listed["paths"])
    page = client.get("/api").body.decode()
    assert all(f"/api/run/{name}.png" in page for name in instruments())
    assert {each["name"] for each in client.get("/api/forms").json()["instruments"]} == set(instruments())


# ---- memory


def rss():
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096
    except OSError:
        pytest.skip("this system does not tell how much memory is taken")


def test_memory_stays_flat_over_many_photos(small):
    client = Client(small)

    def ask(seed):
        name = client.post("/api/images", encoded(noise(seed, (120, 160)))).json()["image"]
        assert client.get("/api/maps.bin", layer="first", image=name).status == 200
        assert client.get("/api/answer", image=name).status == 200
        assert client.get("/api/run/grad-cam.png", layer="first", images=name).status == 200

    for seed in range(12):
        ask(seed)
    gc.collect()
    before = rss()
    for seed in range(12, 42):
        ask(seed)
    gc.collect()
    grown = rss() - before
    assert grown < 16 << 20, f"{grown / 2**20:.0f} MB more after 30 photos"
    assert not [job for job in small.microscope.jobs.of(client.page) if job.over and not job.remembered]


def test_memory_holds_what_was_used_last_within_its_room():
    memory = Memory(1000)
    for at in range(50):
        memory.put(str(at), bytes(300))
        memory.get("0")
    assert memory.held == 900
    assert memory.get("0")
    assert memory.get("49")
    assert memory.get("40") is None
    memory.put("large", bytes(5000))
    assert memory.get("large") is None
    assert memory.held == 900
    memory.put("0", bytes(10))
    assert memory.held == 610


def test_a_value_weighs_what_its_arrays_do():
    photo = ph.picture.Photo(noise())
    shared = torch.zeros(10)
    assert weight_of(photo) >= 40 * 52 * 3
    assert weight_of([shared, shared, {"a": (shared, torch.zeros(5, dtype=torch.float64))}]) == 80
    assert weight_of(b"12345") == 5
    endless = []
    endless.append(endless)
    assert weight_of(endless) == 0


def test_stored_answers_take_a_bounded_part_of_the_disk(tmp_path):
    disk = Disk(tmp_path, 10_000)
    for at in range(40):
        disk.put(f"k{at}", bytes(900))
        assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 10_000
    assert disk.get("k39") == bytes(900)
    assert disk.get("k0") is None
    disk.put("large", bytes(20_000))
    assert disk.get("large") is None
    assert Disk(tmp_path, 10_000).get("k39")


def test_two_servers_may_share_a_folder(tmp_path):
    stores = [Disk(tmp_path, 5000), Disk(tmp_path, 5000)]
    faults = []

    def work(store, name):
        try:
            for at in range(60):
                store.put(f"{name}{at}", bytes(500))
                store.get(f"{name}{at - 1}")
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(store, name)) for store, name in zip(stores, "ab", strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not faults


def test_json_holds_no_numbers_that_json_does_not_know():
    value = {"a": [float("nan"), 1.5, (float("inf"), {"b": -float("inf")})], "c": "\u00e9", "d": "\ud800"}
    assert json.loads(json_bytes(value)) == {"a": [None, 1.5, [None, {"b": None}]], "c": "\u00e9", "d": "\ud800"}
