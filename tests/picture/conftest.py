"""Files in every shape that photos come in, made here so that nothing is downloaded."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    return np.ascontiguousarray(skimage.data.astronaut()[:400:4, :480:4])  # (100, 120, 3)


@pytest.fixture
def encoded():
    def encode(image: Image.Image | np.ndarray, kind: str = "PNG", **options) -> bytes:
        file = io.BytesIO()
        (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, kind, **options)
        return file.getvalue()

    return encode


@pytest.fixture
def png_of_size():
    """A tiny PNG whose header declares a size."""

    def make(width: int, height: int) -> bytes:
        def chunk(name: bytes, body: bytes) -> bytes:
            return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        rows = chunk(b"IDAT", zlib.compress(b"\0" * 100))
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + rows + chunk(b"IEND", b"")

    return make


@pytest.fixture
def shipped() -> Path:
    return Path(skimage.data.__path__[0])
