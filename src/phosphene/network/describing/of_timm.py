"""What a timm model says of itself, in its `pretrained_cfg`.

The configuration is that of the weights that timm has for the architecture. Whether the module holds those or others
is not to be seen in it, so it counts as an assumption and is noted.
"""

from collections.abc import Mapping
from typing import Any

from torch import nn

from ..labels import Labels, imagenet
from ..module import head_classes, input_channels
from ..preprocessing import Preprocessing
from .description import Described


def timm_described(module: nn.Module) -> Described | None:
    """None for a module that is not timm's."""
    cfg = _cfg(module)
    if cfg is None:
        return None
    channels = input_channels(module)
    labels = timm_labels(module)
    if channels not in (1, 3, None):
        return Described(labels=labels)
    way = Preprocessing.from_timm(module)
    notes = [f"preprocessing of the module's own pretrained_cfg ({_named(cfg)}): {way}"]
    if channels == 1 and cfg["input_size"][0] == 3:
        notes.append("grey images are normalised by the mean of the three colours' settings, which is assumed")
    if labels.names is not None:
        notes.append(f"class names of the {len(labels):,} classes that {_named(cfg)} was trained on")
    return Described(way, labels, tuple(notes))


def _cfg(module: nn.Module) -> Mapping[str, Any] | None:
    cfg = getattr(module, "pretrained_cfg", None)
    cfg = cfg if isinstance(cfg, Mapping) else getattr(cfg, "__dict__", {})
    return cfg if {"input_size", "mean", "std"} <= cfg.keys() else None


def _named(cfg: Mapping[str, Any]) -> str:
    return ".".join(part for part in (cfg.get("architecture"), cfg.get("tag")) if part) or "unnamed"


def timm_labels(module: Any) -> Labels:
    """The names in the configuration, else ImageNet's (1k, 12k, 21k, ...) as timm knows them, else the number.

    A head that somebody has put in the place of the module's own decides how many classes there are.
    """
    from timm.data import ImageNetInfo, infer_imagenet_subset

    cfg = module.pretrained_cfg
    cfg = cfg if isinstance(cfg, Mapping) else vars(cfg)
    head = module.get_classifier() if hasattr(module, "get_classifier") else None
    count = head_classes(head) or getattr(module, "num_classes", None)
    names = cfg.get("label_names")
    if names and len(names) == count:
        return Labels(tuple(names))
    if count == 1000:
        return Labels(imagenet())
    subset = infer_imagenet_subset(module) if count and count == cfg.get("num_classes") else None
    info = ImageNetInfo(subset) if subset else None
    if info is not None and info.num_classes() == count:
        return Labels(tuple(info.index_to_description(i) for i in range(count)))
    return Labels(None, count or None)
