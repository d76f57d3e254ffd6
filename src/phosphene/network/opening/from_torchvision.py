"""Networks of torchvision: `torchvision:NAME`, `torchvision:NAME@WEIGHTS`, `torchvision:NAME@none`.

Preprocessing and class names come from the weights' own metadata, which needs no download; `@none` (random weights)
takes those of the default weights. Quantised networks, video and optical flow are refused: instruments need gradients
and one image.
"""

import http.client
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..labels import Labels
from ..preprocessing import Preprocessing
from .download import hub_file, missing, reachable
from .source import Blueprint, Source, as_labels, first_line, near, undisturbed

# Their builders warn that the default initialisation will change; we choose the one they recommend.
_ASK_FOR_INITIALISATION = ("googlenet", "inception_v3")


def open_torchvision(name: str, weights: str | None, *, seed: int = 0, classes: int | None = None) -> Source:
    """A torchvision network; `weights` None means its default ones, 'none' random ones from `seed`."""
    checked_name(name)
    if (weights or "").lower() == "none":
        return _open_random(name, seed, classes)
    if classes is not None:
        known = f"torchvision:{name}@none, or a weights file with architecture='torchvision:{name}'"
        raise ValueError(f"classes={classes} is for networks without ready-made weights: {known}")
    entry = _weights_entry(name, weights)
    preprocessing = Preprocessing.from_torchvision(entry)
    _ensure_here(name, entry)
    with undisturbed(seed):
        module = _builder_call(name, weights=entry, progress=False)
    spec = f"torchvision:{name}@{entry.name}"
    return Source(module.eval(), preprocessing, _labels(entry), spec, (f"weights {entry}",))


def _open_random(name: str, seed: int, classes: int | None) -> Source:
    plan = blueprint(name)
    with undisturbed(seed):
        module = plan.build(classes)
    usual = _default(name)
    same = classes is None or classes == len(_labels(usual))
    labels = _labels(usual) if same else as_labels(None, classes)
    notes = (f"random weights, seed {seed}", plan.note)
    return Source(module.eval(), plan.preprocessing(module), labels, f"torchvision:{name}@none", notes)


def blueprint(name: str) -> Blueprint:
    """The architecture, to be built with random weights for any number of classes."""
    checked_name(name)
    usual = _default(name)
    way = Preprocessing.from_torchvision(usual)
    return Blueprint(
        spec=f"torchvision:{name}",
        build=lambda classes: _build(name, classes),
        preprocessing=lambda module: way,
        note=f"preprocessing as for {usual}",
    )


def _build(name: str, classes: int | None) -> nn.Module:
    options: dict[str, Any] = {"weights": None}
    usual = _default(name)
    if "weights_backbone" in _parameters(name):
        options["weights_backbone"] = None
        classes = classes or len(usual.meta["categories"])
    if name in _ASK_FOR_INITIALISATION:
        options["init_weights"] = True
    if classes is not None:
        options["num_classes"] = classes
    return _builder_call(name, **options)


def _builder_call(name: str, **options: Any) -> nn.Module:
    from torchvision import models

    return models.get_model(name, **options)


def _parameters(name: str) -> tuple[str, ...]:
    import inspect

    from torchvision import models

    return tuple(inspect.signature(models.get_model_builder(name)).parameters)


def checked_name(name: str) -> None:
    """Raises LookupError for a name that torchvision does not have, ValueError for a kind that cannot be opened."""
    from torchvision import models

    if name.startswith("quantized_") and name in models.list_models():
        plain = name.removeprefix("quantized_")
        raise ValueError(f"torchvision:{name} is quantised, so it has no gradients; open torchvision:{plain} instead")
    if name not in models.list_models():
        openable = openable_names()
        raise LookupError(
            f"'{name}' is not a network of torchvision{near(name, openable)}; "
            f"'phosphene networks torchvision' lists all {len(openable)}"
        )
    if name not in openable_names():
        raise ValueError(f"torchvision:{name} takes video or pairs of images; phosphene opens networks of one image")


def openable_names() -> list[str]:
    """Every torchvision network that sees one image: classification, segmentation, detection."""
    from torchvision import models

    parts = (models, models.segmentation, models.detection)
    return sorted(name for part in parts for name in models.list_models(module=part))


def default_weights_file(name: str) -> Path:
    """Where the network's default weights are, or would be, on this machine."""
    return hub_file(_default(name).url)


def _default(name: str) -> Any:
    from torchvision import models

    return models.get_model_weights(name)["DEFAULT"]


def _weights_entry(name: str, weights: str | None) -> Any:
    from torchvision import models

    entries = models.get_model_weights(name).__members__
    # 'ResNet18_Weights.IMAGENET1K_V1' is what torchvision prints
    entry_name = (weights or "DEFAULT").rpartition(".")[2]
    for member in entries:
        if member.lower() == entry_name.lower():
            return entries[member]
    raise LookupError(f"torchvision:{name} has no weights '{weights}'; it has {', '.join(entries)}, and none (random)")


def _labels(weights: Any) -> Labels:
    categories = weights.meta.get("categories")
    return Labels(tuple(categories)) if categories else Labels()


def _ensure_here(name: str, weights: Any) -> None:
    """The weights file lies in torch.hub's cache afterwards, and holds nothing but tensors.

    torchvision's builders open the file without `weights_only`, so it is opened once with it before they may.
    """
    cache_path, spec = hub_file(weights.url), f"torchvision:{name}"
    if not cache_path.exists():
        if not reachable(weights.url):
            raise missing(str(weights), cache_path, "no answer from download.pytorch.org", spec)
        cache_path.parent.mkdir(parents=True, exist_ok=True)
        digits = torch.hub.HASH_REGEX.search(cache_path.name)
        try:
            torch.hub.download_url_to_file(weights.url, str(cache_path), digits and digits.group(1), progress=False)
        except (OSError, http.client.HTTPException, RuntimeError) as error:  # RuntimeError: the hash is another
            raise missing(str(weights), cache_path, first_line(error), spec) from error
    try:
        torch.load(cache_path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(
            f"{cache_path} is not a sound weights file ({first_line(error)}); delete it to try again"
        ) from error
