"""What people drop on the page: read, or refused in one sentence; never a fault, and bounded in memory and on disk."""

import gzip
import io
import json
import random
import socket
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from microscope_helpers import Client, encoded, eventually, network, noise, raw, received, status_of
from PIL import Image

pytest.importorskip("sse_starlette", reason="the extra 'microscope' is not installed")
from phosphene.microscope.images import Images
from phosphene.microscope.limits import Limits
from phosphene.microscope.refusals import RefusedError
from phosphene.microscope.serving import serve


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of_size(width, height):
    """A PNG of some bytes that declares so many pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def text_bomb():
    """A small PNG whose compressed text and colour profile are 64 MB each."""
    whole = encoded(noise(size=(8, 8)))
    zeros = zlib.compress(b"\0" * (64 << 20), 9)
    bombs = chunk(b"zTXt", b"Comment\0\0" + zeros) + chunk(b"iCCP", b"name\0\0" + zeros)
    return whole[:33] + bombs + whole[33:]


def frames(format):
    file = io.BytesIO()
    images = [Image.fromarray(noise(seed)) for seed in range(5)]
    images[0].save(file, format, save_all=True, append_images=images[1:], loop=0)
    return file.getvalue()


def tall_gif_in_a_small_one():
    """A GIF whose screen is small and whose frame declares 65,535 × 65,535 pixels."""
    return b"GIF89a\x10\x00\x10\x00\x80\x00\x00\0\0\0\xff\xff\xff,\0\0\0\0\xff\xff\xff\xff\x00\x02\x02D\x01\x00;"


GOOD = {
    "png": encoded(noise()),
    "jpeg": encoded(noise(), "JPEG"),
    "webp": encoded(noise(), "WEBP"),
    "bmp": encoded(noise(), "BMP"),
    "tiff": encoded(noise(), "TIFF"),
    "grey": encoded(noise()[..., 0]),
    "alpha": encoded(np.dstack([noise(), noise()[..., 0]])),
    "one pixel": encoded(noise(size=(1, 1))),
    "a line": encoded(noise(size=(1, 5000))),
    "animated gif": frames("GIF"),
    "animated webp": frames("WEBP"),
    "pages of tiff": frames("TIFF"),
    "one more byte": encoded(noise()) + b"x",
}
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>'
BAD = {
    "nothing": b"",
    "one byte": b"\x89",
    "a text": b"hello",
    "svg": SVG,
    "svg with a head": b'<?xml version="1.0"?>' + SVG,
    "html": b"<!doctype html><script>alert(1)</script>",
    "html as gif": b"GIF89a<script>alert(1)</script>",
    "svg as png": b"\x89PNG\r\n\x1a\n" + SVG,
    "zip": b"PK\x03\x04" + bytes(100),
    "gzip of a png": gzip.compress(encoded(noise())),
    "pickle": b"\x80\x04\x95\x1f\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
    "pdf": b"%PDF-1.7\n" + bytes(100),
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
    "elf": b"\x7fELF" + bytes(100),
    "cut off": encoded(noise())[:300],
    "cut off jpeg": encoded(noise(), "JPEG")[:200],
    "head only": encoded(noise())[:33],
    "a million by a million": png_of_size(1_000_000, 1_000_000),
    "just too many pixels": png_of_size(1001, 1000),
    "no pixels": png_of_size(0, 10),
    "more than there are": png_of_size(900, 900),
    "gif in gif": tall_gif_in_a_small_one(),
    "zeros": bytes(1000),
}


@pytest.mark.parametrize("name", GOOD)
def test_an_image_is_taken_and_can_be_looked_at(small, name):
    client = Client(small)
    answer = client.post("/api/images", GOOD[name])
    assert answer.status == 201, answer.body
    uploaded = answer.json()
    assert client.post("/api/images", GOOD[name]).json() == uploaded  # once for the same content
    assert client.get("/api/image.json", image=uploaded["image"]).json()["width"] == uploaded["width"]
    shown = client.get("/api/image.webp", image=uploaded["image"])
    assert (shown.status, shown.headers["content-type"]) == (200, "image/webp")
    assert len(client.get("/api/answer", image=uploaded["image"]).json()["classes"]) == 5


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_image_is_refused_in_a_sentence_and_not_stored(small, name):
    client = Client(small)
    before = sorted(small.microscope.library.images.uploads.iterdir())
    answer = client.post("/api/images", BAD[name], headers={"content-type": "image/png"})
    assert answer.status == 422
    assert len(answer.sentence) < 400
    assert sorted(small.microscope.library.images.uploads.iterdir()) == before


def test_texts_that_swell_a_thousandfold_don_t(small):
    bomb = text_bomb()
    assert len(bomb) < 200_000
    before = peak(anew=True)
    answer = Client(small).post("/api/images", bomb)
    assert answer.status in (201, 422)
    assert peak() - before < 150 << 20


def peak(anew=False):
    """The most bytes that this process has held in memory, since the last call with `anew`."""
    try:
        if anew:
            Path("/proc/self/clear_refs").write_text("5")
        status = Path("/proc/self/status").read_text()
    except OSError:
        pytest.skip("this system does not tell how much memory was taken")
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))


def refusal(images, data):
    """The sentence by which an upload is refused, or None."""
    try:
        images.upload(data)
    except (ValueError, RefusedError) as error:  # of every other kind it would be a fault
        return str(error)


def test_a_thousand_files_with_faults_are_read_or_refused_each_in_a_sentence(tmp_path):
    images = Images(None, tmp_path, Limits(upload_pixels=250_000, uploads_bytes=1 << 20))
    draw = random.Random(0)
    whole = [GOOD[name] for name in ("png", "jpeg", "webp", "bmp", "tiff", "alpha", "animated gif", "animated webp")]
    read = refused = 0
    before, started = peak(anew=True), time.monotonic()
    for _ in range(1000):
        data = bytearray(draw.choice(whole))
        match draw.randrange(4):
            case 0:  # cut off
                del data[draw.randrange(len(data)) :]
            case 1:  # some bytes changed, most of them in the head
                for _ in range(draw.randrange(1, 12)):
                    data[draw.randrange(draw.choice([64, len(data)]))] = draw.randrange(256)
            case 2:  # a piece taken out or twice
                at, to = sorted((draw.randrange(len(data)), draw.randrange(len(data))))
                data[at:to] = data[at:to] * draw.choice([0, 2])
            case 3:  # bytes by chance behind a true head
                data[draw.randrange(8, 64) :] = draw.randbytes(draw.randrange(500))
        sentence = refusal(images, bytes(data))
        read, refused = read + (sentence is None), refused + (sentence is not None)
        assert sentence != ""
        assert "\n" not in (sentence or "")
    assert read > 50
    assert refused > 300
    assert peak() - before < 200 << 20
    assert time.monotonic() - started < 60


def head(small, *more, path="/api/images", method="POST"):
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: 127.0.0.1:{small.port}",
        f"X-Phosphene-Token: {Client(small).token}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def test_a_giant_is_refused_before_it_has_arrived(small):
    for length in (2 << 20, 10**12, 10**30, "-1", "1e9", "0x10"):
        answer = raw(small, head(small, f"Content-Length: {length}", "Connection: close"))
        assert status_of(answer) in (400, 413)
    assert b"larger than 1 MB" in raw(small, head(small, f"Content-Length: {2 << 20}", "Connection: close"))


def test_a_giant_in_chunks_is_refused_while_it_arrives(small):
    with socket.create_connection(("127.0.0.1", small.port), 10) as connection:
        connection.sendall(head(small, "Transfer-Encoding: chunked"))
        sent = 0
        try:
            while sent < 64 << 20:
                connection.sendall(b"10000\r\n" + bytes(1 << 16) + b"\r\n")
                sent += 1 << 16
                connection.setblocking(False)
                try:
                    answer = connection.recv(1 << 16)
                    break
                except BlockingIOError:
                    connection.settimeout(10)
        except OSError:
            pytest.fail("the connection was closed without an answer")
        assert status_of(answer) == 413
        assert sent < 8 << 20


@pytest.mark.parametrize("path", ["/api/jobs", "/api/networks"])
def test_other_requests_have_small_bodies(small, path):
    answer = Client(small).post(path, b"0" * (300 << 10))
    assert answer.status == 413


def test_a_body_with_a_fault_in_its_chunks_is_refused(small):
    for body in (b"zz\r\n", b"5\r\nabc", b"-1\r\n", b"FFFFFFFFFFFFFFFFFFFFFFFF\r\n"):
        answer = raw(small, head(small, "Transfer-Encoding: chunked", "Connection: close") + body)
        assert status_of(answer) in (400, 408)
    both = head(small, "Transfer-Encoding: chunked", "Content-Length: 3", "Connection: close")
    assert status_of(raw(small, both + b"0\r\n\r\n")) in (400, 422)


def test_a_sender_who_leaves_in_the_middle_leaves_nothing(small, caplog):
    before = sorted(small.microscope.library.images.uploads.iterdir())
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", small.port), 5) as connection:
            connection.sendall(head(small, "Content-Length: 1000") + b"\x89PNG")
    eventually(lambda: not small._server.server_state.tasks)
    assert sorted(small.microscope.library.images.uploads.iterdir()) == before
    assert not caplog.records


def test_more_large_bodies_than_there_is_room_for_wait_for_each_other(small):
    """Fourteen senders at once, each of whom takes a while: with eight places all are served."""
    whole = GOOD["png"]
    connections = [socket.create_connection(("127.0.0.1", small.port), 10) for _ in range(14)]
    for connection in connections:
        connection.sendall(head(small, f"Content-Length: {len(whole)}", "Connection: close") + whole[:100])
    time.sleep(0.2)
    for connection in connections:
        connection.sendall(whole[100:])
    statuses = [status_of(received(connection)) for connection in connections]
    for connection in connections:
        connection.close()
    assert statuses == [201] * 14


def test_uploads_take_a_bounded_part_of_the_disk_and_the_ones_used_longest_ago_go(tmp_path):
    images = Images(None, tmp_path, Limits(uploads_bytes=40_000))
    files = [encoded(noise(seed, (60, 60)), "BMP") for seed in range(6)]  # 10,854 bytes each
    names = []
    for file in files[:3]:
        names.append(images.upload(file)[0])
        time.sleep(0.02)  # so that their times differ
    images.open(names[0])  # is used
    time.sleep(0.02)
    for file in files[3:5]:
        names.append(images.upload(file)[0])
        time.sleep(0.02)
        assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 40_000
    assert [_stands(images, name) for name in names] == [True, False, False, True, True]


def _stands(images, name):
    try:
        return bool(images.open(name))
    except RefusedError as error:
        return "not stored any more" not in error.sentence


def test_a_full_disk_is_said_in_a_sentence(tmp_path, monkeypatch):
    import errno

    from phosphene.microscope import images as module
    from phosphene.microscope.refusals import refusal_of

    def full(*given):
        raise OSError(errno.ENOSPC, "no space left on device")

    images = Images(None, tmp_path)
    monkeypatch.setattr(module, "write_whole", full)
    with pytest.raises(OSError) as raised:
        images.upload(GOOD["png"])
    assert refusal_of(raised.value).status == 507
    assert "disk is full" in refusal_of(raised.value).sentence


def test_decoded_photos_take_a_bounded_part_of_memory(tmp_path):
    images = Images(None, tmp_path, Limits(photos_bytes=50_000))
    for seed in range(12):
        images.upload(encoded(noise(seed)))
        images.open(None)  # the cat is larger than the room, and is read anew each time
    assert 0 < images._decoded.held <= 50_000


def test_uploads_are_there_after_a_restart(tmp_path):
    with serve([network()], open=False, cache=tmp_path) as first:
        client = Client(first)
        uploaded = client.post("/api/images", GOOD["webp"]).json()["image"]
        shown = client.get("/api/image.webp", image=uploaded)
        token, port = client.token, first.port
    with serve([network()], open=False, cache=tmp_path, port=port) as second:
        client = Client(second)
        assert client.get("/api/image.webp", image=uploaded).body == shown.body
        assert client.token != token  # the page has to load again before it may change anything
        old = client.ask("POST", "/api/images", GOOD["png"], {"x-phosphene-token": token})
        assert old.status == 403
        assert "load the page again" in old.sentence


def test_the_folder_of_uploads_is_nobody_else_s(tmp_path):
    Images(None, tmp_path / "cache" / "uploads")
    assert (tmp_path / "cache" / "uploads").stat().st_mode & 0o077 == 0


def test_no_name_can_be_chosen_for_an_upload(small):
    answer = Client(small).post("/api/images?image=../../x&name=/etc/x", GOOD["png"])
    assert answer.json()["image"].startswith("upload/")
    assert answer.json()["name"] == "upload"
    assert json.dumps(answer.json()).count("/etc") == 0
