"""The networks that can be opened by name, and whether their weights are already on this machine."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from . import embedded as source_embedded
from . import from_torchvision as source_torchvision
from .download import hub_file

KINDS = ("embedded", "torchvision", "timm")


@dataclass(frozen=True)
class Listed:
    """A network that `open_source(spec)` opens. `here`: its default weights need no download."""

    spec: str
    kind: str
    here: bool


def names(kind: str | None = None, pattern: str | None = None) -> list[Listed]:
    """The networks that can be opened by name, of one kind or all; asks no server.

    `pattern` is a glob ("resnet*"), or a text that the name holds. timm's are listed once for each set of weights.
    """
    if kind is not None and kind not in KINDS:
        raise LookupError(f"there are no networks of kind '{kind}'; the kinds are {', '.join(KINDS)}")
    makers = {"embedded": _embedded, "torchvision": _torchvision, "timm": _timm}
    listed = [entry for each in KINDS if kind in (None, each) for entry in makers[each]()]
    return [
        entry for entry in listed if pattern is None or _matches(entry.spec.partition(":")[2] or entry.spec, pattern)
    ]


def _matches(name: str, pattern: str) -> bool:
    glob = pattern if any(sign in pattern for sign in "*?[") else f"*{pattern}*"
    return fnmatchcase(name.lower(), glob.lower())


def _embedded() -> Iterator[Listed]:
    try:
        is_installed = source_embedded.weights_path().is_file()
    except LookupError:
        is_installed = False
    yield Listed(source_embedded.NAME, "embedded", is_installed)


def _torchvision() -> Iterator[Listed]:
    for name in source_torchvision.openable_names():
        yield Listed(f"torchvision:{name}", "torchvision", source_torchvision.default_weights_file(name).is_file())


def _timm() -> Iterator[Listed]:
    import timm
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE)
    downloaded = (
        {folder.name for folder in cache.iterdir() if any(folder.glob("snapshots/*/*"))} if cache.is_dir() else set()
    )
    for name in timm.list_pretrained():
        yield Listed(f"timm:{name}", "timm", _is_cached(timm.get_pretrained_cfg(name), downloaded))


def _is_cached(cfg: Any, downloaded: set[str]) -> bool:
    """A folder of the model counts, whichever of its files came: opening them all would take seconds."""
    if cfg.hf_hub_id:
        return f"models--{cfg.hf_hub_id.partition('@')[0].replace('/', '--')}" in downloaded
    return bool(cfg.url) and hub_file(cfg.url).is_file()
