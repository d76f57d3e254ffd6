"""What a model of the library transformers says of itself, in its `config` and in the files that it was opened from.

The image processor's settings lie beside the weights: in the folder that the model was opened from, or in the local
cache of the Hugging Face Hub. They are read there and nowhere else; nothing is downloaded.
"""

import json
from pathlib import Path
from typing import Any

from torch import nn

from ..labels import Labels
from ..module import built_size, head_classes, input_channels
from ..preprocessing import Preprocessing
from ..running.outputs import Head
from .description import Described

_FILES = ("preprocessor_config.json", "processor_config.json")
_HEADS = ("ForImageClassification", "ForSemanticSegmentation", "ForImageClassificationWithTeacher")


def transformers_described(module: nn.Module) -> Described | None:
    """None for a module that is not of transformers."""
    config = getattr(module, "config", None)
    if not (hasattr(config, "model_type") and hasattr(config, "to_dict")):
        return None
    labels = _labels(module, config)
    named = () if labels is None or labels.names is None else ("class names of the module's own config.id2label",)
    several = getattr(config, "problem_type", None) == "multi_label_classification"
    head: Head | None = "sigmoid" if several else None
    channels = input_channels(module)
    if channels not in (1, 3, None):
        return Described(None, labels, named, head)
    home = getattr(config, "_name_or_path", "") or ""
    settings = stored_processor(home) if home else None
    why = f"there is no {_FILES[0]} at {home}" if home else "the module was not opened from files"
    if settings is not None:
        try:
            way = Preprocessing.from_transformers(processor_of(settings))
            return Described(way, labels, (f"preprocessing of the image processor of {home}: {way}", *named), head)
        except (TypeError, ValueError) as error:
            why = str(error)
    way = Preprocessing.plain(built_size(module) or 224, channels or 3)
    words = f"preprocessing not known ({why}), so: {way}; Network(module, processor) takes an image processor"
    return Described(way, labels, (words, *named), head)


def stored_processor(home: str) -> dict[str, Any] | None:
    """The settings of the image processor in a folder, or in the local cache under a name; None if there are none."""
    for name in _FILES:
        path = Path(home) / name if Path(home).is_dir() else _cached(home, name)
        if path is None or not path.is_file():
            continue
        try:
            settings = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        settings = settings.get("image_processor", settings) if isinstance(settings, dict) else None
        if isinstance(settings, dict) and settings.keys() & {"image_mean", "do_resize", "do_normalize", "size"}:
            return settings
    return None


def _cached(repo: str, name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        path = try_to_load_from_cache(repo, name)
    except HFValidationError:  # not the name of a repository
        return None
    return Path(path) if isinstance(path, str) else None


def processor_of(settings: dict[str, Any]) -> Any:
    """The processor that a file's settings describe, with its class's own defaults where transformers is installed.

    The class is one of transformers' image processors or none: a file never decides which other code runs.
    """
    name = settings.get("image_processor_type") or settings.get("feature_extractor_type") or ""
    name = str(name).removesuffix("Fast").replace("FeatureExtractor", "ImageProcessor")
    try:
        import transformers
    except ImportError:
        return settings
    kind = getattr(transformers, name, None) if name.endswith("ImageProcessor") else None
    base = getattr(transformers, "ImageProcessingMixin", None)
    if not (isinstance(kind, type) and isinstance(base, type) and issubclass(kind, base)):
        return settings
    return kind.from_dict(settings)  # type: ignore[attr-defined]


def _labels(module: nn.Module, config: Any) -> Labels | None:
    """The classes of a model with a head for them; names only where somebody gave some, and as many as the head has."""
    if not type(module).__name__.endswith(_HEADS):
        return None
    heads = (getattr(module, name, None) for name in ("classifier", "cls_classifier", "decode_head", "head"))
    stated = next((count for head in heads if (count := head_classes(head)) is not None), None)
    names = getattr(config, "id2label", None) or {}
    by_index = {int(index): str(name) for index, name in names.items()}
    count = stated or len(by_index)
    usual = all(name == f"LABEL_{index}" for index, name in by_index.items())
    if not count or usual or sorted(by_index) != list(range(count)):
        return Labels(None, count or None)
    return Labels(tuple(by_index[index] for index in range(count)))
