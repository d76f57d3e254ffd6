"""The camera: frames that are answered in order, one at a time, and stored nowhere."""

import contextlib
import http.client
import io
import json
import struct

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import phosphene as ph
from phosphene.microscope.frames import frame_of

PHOTO = "src/phosphene/photos/cat.jpg"
LOST = "stream.getVideoTracks()[0].dispatchEvent(new Event('ended'))"


@pytest.fixture(scope="module")
def jpeg():
    image = Image.open(PHOTO).convert("RGB")
    image.thumbnail((480, 480))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return file.getvalue()


def send(served, data, query="layer=blocks.4.1", token=None):
    """Status and body of a frame's answer."""
    headers = {"X-Phosphene-Token": token or served.microscope.guard.token, "Content-Type": "image/jpeg"}
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    with contextlib.closing(connection):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was sent
            connection.request("POST", f"/api/camera?{query}", data, headers)
        response = connection.getresponse()
        body = response.read()
    return response.status, body if response.status == 200 else json.loads(body)["error"]


def opened(data):
    length = struct.unpack("<I", data[:4])[0]
    header = json.loads(data[4 : 4 + length])
    channels, rows, columns = header["shape"]
    values = np.frombuffer(data, "<f2", offset=4 + length + 16 * channels).reshape(channels, rows, columns)
    return header, values.astype(np.float32) * header["scale"]


# ---- the answer


def test_a_frame_is_answered_as_the_photo_is(served, jpeg):
    status, body = send(served, jpeg)
    assert status == 200
    header, values = opened(body)
    network, photo = ph.load(), ph.read(jpeg)
    assert [each["label"] for each in header["classes"]] == [guess.label for guess in network.classify(photo)]
    assert header["classes"][0]["probability"] == pytest.approx(network.classify(photo)[0].probability, rel=1e-4)
    assert (header["width"], header["height"]) == (photo.width, photo.height)
    expected = network.record(network.inputs(photo), "blocks.4.1")["blocks.4.1"][0].numpy()
    assert np.abs(values - expected).max() < 2e-2


def test_nothing_of_a_frame_is_stored(served, jpeg):
    images, maps = served.microscope.library.images, served.microscope.maps
    stored, held = len(list(images.uploads.iterdir())), maps.held
    assert send(served, jpeg)[0] == 200
    assert len(list(images.uploads.iterdir())) == stored
    assert maps.held == held


@pytest.mark.parametrize(
    ("data", "query", "status", "words"),
    [
        (b"", "layer=blocks.4.1", 422, "holds no frame"),
        (b"no picture at all", "layer=blocks.4.1", 422, "Phosphene reads"),
        (bytes((2 << 20) + 1), "layer=blocks.4.1", 413, "larger than 2 MB"),
        (None, "layer=blocks.99", 404, "blocks.99"),
        (None, "", 422, "layer is missing"),
        (None, "layer=blocks.4.1&network=other", 404, "does not offer"),
    ],
)
def test_what_is_no_frame_is_refused_in_a_sentence(served, jpeg, data, query, status, words):
    answered, sentence = send(served, jpeg if data is None else data, query)
    assert answered == status
    assert words in sentence


def test_a_frame_of_too_many_pixels_is_refused_before_it_is_decoded(served):
    file = io.BytesIO()
    Image.new("L", (9000, 8000)).save(file, "PNG")
    assert len(file.getvalue()) < 2 << 20
    status, sentence = send(served, file.getvalue())
    assert status == 422
    assert "9,000" in sentence or "9000" in sentence


def test_a_frame_needs_the_pages_token(served, jpeg):
    assert send(served, jpeg, token="wrong")[0] == 403


def test_maps_and_answer_come_from_one_run(unchanged):
    class Counted(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head, self.runs = nn.Conv2d(3, 4, 3), nn.Linear(4, 3), []

        def forward(self, x):
            self.runs.append(1)
            return self.head(self.conv(x).mean((2, 3)))

    network, photo = ph.Network(Counted(), labels=["a", "b", "c"]), ph.read(PHOTO)
    frame_of(network, photo, "conv")  # the first one also finds out what the head is
    network.module.runs.clear()
    with unchanged(network.module):
        frame = frame_of(network, photo, "conv")
    assert len(network.module.runs) == 1
    assert [guess.label for guess in frame.classes] == [guess.label for guess in network.classify(photo)]
    assert frame.maps.values.shape[0] == 4
    assert frame.why is None


def test_a_network_without_classes_still_shows_its_maps():
    network, photo = ph.Network(nn.Sequential(nn.Conv2d(3, 2, 3, padding=1))), ph.read(PHOTO)
    frame = frame_of(network, photo, "0")
    assert frame.classes == []
    assert "no classifier" in frame.header()["why"]
    expected = network.record(network.inputs(photo), "0")["0"][0]
    assert torch.equal(torch.from_numpy(frame.maps.values), expected)


# ---- the page


@pytest.fixture
def camera(new_page):
    """A page whose camera is Chromium's drawn one."""
    page = new_page(permissions=["camera"])
    page.add_init_script(
        "const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);"
        "navigator.mediaDevices.getUserMedia = async (what) => (window.stream = await ask(what));"
    )
    page.going, page.most = 0, 0

    def begun(request):
        if "/api/camera" in request.url:
            page.going += 1
            page.most = max(page.most, page.going)

    def ended(request):
        if "/api/camera" in request.url:
            page.going -= 1

    page.on("request", begun)
    page.on("requestfinished", ended)
    page.on("requestfailed", ended)
    return page


def start(page):
    page.goto("/look?layer=blocks.4.1&image=sample/cat.jpg")
    page.wait_for_selector(".tiles-canvas")
    page.get_by_role("button", name="Camera", exact=True).click()
    page.wait_for_selector('.camera-rate:has-text("frames a second")')


def test_frames_are_answered_one_at_a_time_and_the_rate_is_shown(camera):
    start(camera)
    assert "camera=live" in camera.url
    first = camera.locator(".answer").inner_text()
    camera.until("first => document.querySelector('.answer').innerText !== first", first)
    assert camera.most == 1
    assert float(camera.locator(".camera-rate").inner_text().split()[0]) > 0
    assert (
        camera.locator(".photo canvas.photo-image").evaluate("canvas => Math.max(canvas.width, canvas.height)") == 480
    )


def test_a_unit_can_be_pointed_at_while_frames_come(camera):
    start(camera)
    box = camera.locator(".tiles").bounding_box()
    camera.mouse.move(box["x"] + 40, box["y"] + 40)
    camera.until("document.querySelector('.pointed').innerText.startsWith('blocks.4.1:0@')")
    said = camera.locator(".pointed").inner_text()
    camera.until("said => document.querySelector('.pointed').innerText !== said", said)
    assert camera.locator(".pointed").inner_text().startswith("blocks.4.1:0@")


def test_a_frozen_frame_becomes_an_image_with_the_same_answer(camera, served):
    start(camera)
    camera.get_by_role("button", name="Freeze").click()
    camera.wait_for_url("**image=upload/**")
    camera.wait_for_selector(".camera", state="hidden")
    camera.wait_for_selector(".answer .bar-number")
    name = camera.url.split("image=")[1].split("&")[0]
    photo = served.microscope.library.images.open(name)
    assert max(photo.width, photo.height) == 480
    expected = ph.load().classify(photo)[0]
    camera.until("label => document.querySelector('.answer .bar-name').innerText === label", expected.label)
    assert camera.evaluate("stream.getTracks().every((track) => track.readyState === 'ended')")


def test_another_layer_is_answered_from_the_next_frame_on(camera):
    start(camera)
    camera.locator('.strip-layer[data-layer="blocks.5.0"]').click()
    camera.until("document.querySelector('.grid-foot').innerText.includes('192 units')")
    assert "camera=live" in camera.url


def test_choosing_an_image_ends_the_camera(camera):
    start(camera)
    camera.locator(".picker-image").last.click()
    camera.wait_for_selector(".camera", state="hidden")
    assert "camera" not in camera.url
    camera.until("stream.getTracks().every((track) => track.readyState === 'ended')")


def test_a_camera_that_is_lost_is_said_and_can_be_tried_again(camera):
    start(camera)
    camera.evaluate(LOST)
    camera.wait_for_selector(".camera .refused")
    assert "is gone" in camera.locator(".camera .refused").inner_text()
    camera.until("document.querySelector('.photo img').src.includes('cat.jpg')")
    camera.get_by_role("button", name="Try again").click()
    camera.wait_for_selector('.camera-rate:has-text("frames a second")')


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NotAllowedError", "Allow it"),
        ("NotFoundError", "has no camera"),
        ("NotReadableError", "Another program"),
        ("AbortError", "can't be opened"),
    ],
)
def test_a_camera_that_can_not_be_opened_says_why(page, name, words):
    page.add_init_script(
        f"navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('refused', '{name}'); }};"
    )
    page.goto("/look?camera=live&image=sample/cat.jpg")
    page.wait_for_selector(".camera .refused")
    assert words in page.locator(".camera .refused").inner_text()
    page.get_by_role("button", name="Stop the camera").click()
    page.wait_for_selector(".camera", state="hidden")
