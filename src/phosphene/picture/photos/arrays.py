"""Arrays and tensors as sRGB bytes, or a sentence that says what is wrong with them.

A number means brightness only when its scale is known: uint8 runs to 255, uint16 to 65535, floats to 1. Other types
and floats outside [0, 1] are refused rather than guessed at, since a silently clipped photo gives a wrong answer.
"""

import numpy as np

TO_EIGHT_BITS = ((np.arange(65536, dtype=np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def from_array(array: np.ndarray, name: str = "array") -> tuple[np.ndarray, np.ndarray | None, bool, list[str]]:
    """Colour (h, w, 3) and alpha (h, w) or None as uint8, whether the array was grey, and notes.

    Takes (h, w), (h, w, 1), (h, w, 3) and (h, w, 4) of uint8, uint16, or floats in [0, 1].
    """
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        hint = ""
        if array.ndim == 3 and array.shape[0] in (1, 3, 4):
            hint = "; this one has its channels first: give array.transpose(1, 2, 0)"
        elif array.ndim == 4:
            hint = "; for a batch, give one image at a time"
        raise ValueError(
            f"{name} has shape {tuple(array.shape)}; a photo has shape (height, width), (height, width, 1), "
            f"(height, width, 3) or (height, width, 4){hint}."
        )
    if 0 in array.shape:
        raise ValueError(f"{name} has shape {tuple(array.shape)} and so holds no pixels; a photo needs at least one.")
    pixels, notes = to_bytes(array, name)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    alpha = pixels[:, :, 3] if pixels.shape[2] == 4 else None
    grey = pixels.shape[2] == 1
    colour = np.repeat(pixels, 3, axis=2) if grey else pixels[:, :, :3]
    return np.ascontiguousarray(colour), alpha, grey, notes


def to_bytes(array: np.ndarray, name: str = "array") -> tuple[np.ndarray, list[str]]:
    """The array scaled to 0..255, and what was done: uint16 / 257 and float * 255, both rounded to the nearest."""
    if array.dtype == np.uint8:
        return array, []
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:  # of either byte order
        return TO_EIGHT_BITS[array], ["scaled from 16 bits to 8"]
    if array.dtype.kind == "f":
        missing = int(array.size - np.isfinite(array).sum())
        if missing:
            raise ValueError(f"{name} holds {missing} NaN or infinite values of {array.size}; a photo has none.")
        low, high = float(array.min()), float(array.max())
        if low < 0 or high > 1:
            raise ValueError(
                f"{name} holds floats from {low:.4g} to {high:.4g}; floats must lie in [0, 1]: "
                "divide them by their white, or give uint8."
            )
        return np.rint(array * array.dtype.type(255)).astype(np.uint8), []
    raise TypeError(
        f"{name} holds {array.dtype}; a photo is uint8 (0 to 255), uint16 (0 to 65535) or floats in [0, 1]: "
        "convert it, for example with array.astype('uint8')."
    )


def from_tensor(tensor: object) -> np.ndarray:
    """A (channel, height, width) tensor as an array (height, width, channel); torch itself is never imported here."""
    values = tensor.detach().cpu()  # type: ignore[attr-defined]
    if values.is_floating_point():
        values = values.float()  # NumPy has no bfloat16
    array = np.asarray(values.numpy())
    if array.ndim == 4 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 2:
        return array
    if array.ndim != 3 or array.shape[0] not in (1, 3, 4):
        hint = ""
        if array.ndim == 3 and array.shape[2] in (1, 3, 4):
            hint = "; this one has its channels last: give tensor.permute(2, 0, 1)"
        elif array.ndim == 4:
            hint = "; for a batch, give one image at a time"
        raise ValueError(
            f"the tensor has shape {tuple(array.shape)}; a photo's tensor has shape (channel, height, width) "
            f"with 1, 3 or 4 channels{hint}."
        )
    return np.moveaxis(array, 0, 2)


def is_tensor(source: object) -> bool:
    return all(hasattr(source, name) for name in ("detach", "cpu", "is_floating_point"))
