"""An image processor of the library transformers, read as the settings of a `Preprocessing`.

A processor is an object with attributes, or the dict that its `preprocessor_config.json` holds. transformers' order is

    resize -> centre crop -> value * rescale_factor -> (value - image_mean) / image_std

which is ours. Some classes of processors do one of these steps in their own way; those that a network of one image
needs are known here, the others are refused by name.
"""

from collections.abc import Mapping
from typing import Any

_FILTERS = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")  # by PIL's numbers
_FLAGS = ("do_resize", "do_center_crop", "do_rescale", "do_normalize")
_NAMES = (
    *_FLAGS,
    *("size", "crop_size", "resample", "rescale_factor", "image_mean", "image_std", "crop_pct", "rescale_offset"),
    *("include_top", "do_flip_channel_order", "keep_aspect_ratio", "ensure_multiple_of", "do_pad"),
)
# Classes without steps of their own, and, further down, those whose own steps are known.
_USUAL = (
    *("ViT", "DeiT", "Bit", "CLIP", "ChineseCLIP", "Siglip", "Beit", "Segformer", "MobileNetV1", "MobileNetV2", "Pvt"),
    *("MobileViT", "EfficientFormer", "Blip", "DPT", "EfficientNet"),
)
_CROPPED = ("ConvNext", "PoolFormer", "Levit")  # resize to more than `size`, by a share that they know


def is_processor(value: Any) -> bool:
    """Whether a value is an image processor, or the dict of one."""
    get = value.get if isinstance(value, Mapping) else lambda name: getattr(value, name, None)
    return get("image_mean") is not None or any(get(name) is not None for name in _FLAGS)


def processor_settings(processor: Any) -> dict[str, Any]:
    """What `Preprocessing(...)` takes. Raises ValueError for a processor whose steps are others, TypeError for none."""
    if not is_processor(processor):
        raise TypeError(
            f"an image processor of transformers has settings such as image_mean and size; {type(processor).__name__} "
            "has none of them"
        )
    name = _family(_called(processor))
    get = processor.get if isinstance(processor, Mapping) else lambda key: getattr(processor, key, None)
    settings = {key: get(key) for key in _NAMES}
    if refused := _own_steps(processor, name, settings):
        raise ValueError(f"{_called(processor)} {refused}; state a phosphene Preprocessing that comes close")
    return {**_sizes(name, settings), **_values(name, settings)}


def _called(processor: Any) -> str:
    """The class of a processor in transformers, or what its dict says; 'the processor' where neither is known."""
    if isinstance(processor, Mapping):
        return str(processor.get("image_processor_type") or processor.get("feature_extractor_type") or "the processor")
    theirs = (kind.__name__ for kind in type(processor).__mro__ if kind.__module__.startswith("transformers."))
    return next(theirs, "the processor")


def _family(name: str) -> str:
    """'ViT' for ViTImageProcessor, ViTImageProcessorPil, ViTImageProcessorFast and ViTFeatureExtractor."""
    for ending in ("Fast", "Pil", "ImageProcessor", "FeatureExtractor"):
        name = name.removesuffix(ending)
    return name


def _own_steps(processor: Any, name: str, settings: Mapping[str, Any]) -> str:
    """What the processor does that a `Preprocessing` does not, as the rest of a sentence; empty if nothing."""
    if name not in ("", "the processor", "Base", *_USUAL, *_CROPPED) and not _only_shared_steps(processor):
        return "prepares images by steps of its own"
    size = _sides(settings["size"])
    if settings["do_resize"] and "longest_edge" in size:
        return "bounds the longer side as well as the shorter"
    if settings["do_resize"] and not size:
        return f"has a size that is not known, {settings['size']!r}"
    if settings["keep_aspect_ratio"] or (settings["ensure_multiple_of"] or 1) != 1:
        return "makes inputs of many sizes, each a multiple of some number of pixels"
    return ""


def _only_shared_steps(processor: Any) -> bool:
    """Whether all of a processor's steps are those that transformers has in one place for every class."""
    steps = [getattr(type(processor), step, None) for step in ("resize", "center_crop", "_preprocess", "rescale")]
    return all(getattr(step, "__module__", "") == "transformers.image_processing_backends" for step in steps)


def _sides(size: Any) -> dict[str, int]:
    """A size as {'shortest_edge': n} or {'height': h, 'width': w}, whichever way it was written; {} for another."""
    if isinstance(size, (int, float)):
        return {"height": int(size), "width": int(size)}
    if isinstance(size, (list, tuple)) and len(size) == 2:
        return {"height": int(size[0]), "width": int(size[1])}
    keys = ("height", "width", "shortest_edge", "longest_edge")
    get = size.get if isinstance(size, Mapping) else lambda key: getattr(size, key, None)
    sides = {key: int(value) for key in keys if (value := get(key)) is not None}
    return sides if "shortest_edge" in sides or {"height", "width"} <= sides.keys() else {}


def _sizes(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of resizing and cropping; crops fall as transformers has them, half pixels down."""
    size, cut = _sides(settings["size"]), _sides(settings["crop_size"])
    cut_to = (cut.get("height", cut.get("shortest_edge", 0)), cut.get("width", cut.get("shortest_edge", 0)))
    crops = bool(settings["do_center_crop"]) and all(cut_to)
    how = {"centring": "down", "interpolation": _filter(settings["resample"])}
    if not settings["do_resize"]:
        return {"size": cut_to if crops else (224, 224), "crop": "center" if crops else "none", **how}
    short = size.get("shortest_edge")
    if name == "ConvNext" and short is not None:
        if short >= 384:
            return {"size": (short, short), "resize": (short, short), "crop": "squash", **how}
        resized = int(short / (settings["crop_pct"] or 224 / 256))
        return {"size": (short, short), "resize": (resized, resized), "crop": "center", **how}
    if short is not None:
        if name == "Levit":
            short = int((256 / 224) * short)
        elif name == "PoolFormer" and settings["crop_pct"]:
            short = int(short / settings["crop_pct"])
        return {
            "size": cut_to if crops else (short, short),
            "resize": (short, short),
            "crop": "center" if crops else "none",
            **how,
        }
    resize = size["height"], size["width"]
    return {"size": cut_to if crops else resize, "resize": resize, "crop": "squash", **how}


def _filter(resample: Any) -> str:
    """A filter's name from PIL's number or from a name; bilinear where nothing is said, as transformers has it."""
    value = getattr(resample, "value", resample)
    if value is None:
        return "bilinear"
    return _FILTERS[value] if isinstance(value, int) and 0 <= value < len(_FILTERS) else str(value)


def _values(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of what happens to the values."""
    factor = settings["rescale_factor"] or 1 / 255
    scale = round(255 * factor, 12) if settings["do_rescale"] is not False else 255.0
    normalised = settings["do_normalize"] and settings["image_mean"] is not None
    mean, std = (
        (three(settings["image_mean"]), three(settings["image_std"])) if normalised else ((0.0,) * 3, (1.0,) * 3)
    )
    if name == "EfficientNet":
        if settings["rescale_offset"] and settings["do_rescale"] is not False:
            mean = tuple(value + 1 for value in mean)
        if settings["include_top"]:  # divided by the std once more
            again = three(settings["image_std"])
            std = tuple(a * b for a, b in zip(std, again, strict=True))
    return {"mean": mean, "std": std, "scale": scale, "colour": "BGR" if settings["do_flip_channel_order"] else "RGB"}


def three(values: Any) -> tuple[float, ...]:
    """A value a channel, of values or of one for all."""
    values = tuple(values) if isinstance(values, (list, tuple)) else (values,)
    return tuple(float(value) for value in (values * 3 if len(values) == 1 else values))
