"""Pixels as WebP for a page: the bytes, and as a data URI that stands in the page itself."""

import base64
import io

import numpy as np
from PIL import Image as Pillow

QUALITY = 84  # of photos, with loss
LARGEST = 16_383  # pixels a side that WebP holds


def webp(pixels: np.ndarray, *, lossless: bool = True) -> tuple[bytes, str]:
    """Pixels (h, w, 3 or 4) as the bytes of a file, and its media type: WebP, or PNG where WebP can't hold them."""
    image = Pillow.fromarray(np.ascontiguousarray(pixels))
    file = io.BytesIO()
    if max(image.size) > LARGEST:
        image.save(file, "PNG", optimize=True)
        return file.getvalue(), "image/png"
    image.save(file, "WEBP", lossless=lossless, quality=80 if lossless else QUALITY, method=4, exact=False)
    return file.getvalue(), "image/webp"


def webp_uri(pixels: np.ndarray, *, lossless: bool = True) -> str:
    """The same as a data URI."""
    data, media = webp(pixels, lossless=lossless)
    return f"data:{media};base64,{base64.b64encode(data).decode('ascii')}"
