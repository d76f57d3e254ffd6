"""Where networks come from: one word opens one, `torchvision:resnet18`, `timm:…`, a weights file, or your own code.

    (nothing), efficientnet_lite0          the embedded default; needs no download
    hog                                    histograms of oriented gradients, which nobody trained
    torchvision:NAME[@WEIGHTS|@none]       @none: random weights from `seed`
    timm:NAME[.TAG][@none]
    hf-hub:OWNER/NAME                      a network of timm or transformers on the Hugging Face Hub
    path/to/folder                         what save_pretrained wrote: config.json and .safetensors; a learned system
    weights.safetensors[#PREFIX]           with architecture=; also .pth, .pt, .bin, never unpickled
    model.onnx                             a graph of ONNX, through onnx2torch
    program.pt2                            a program of torch.export
    my_module:build, file.py:build         your own code

Opening leaves every random generator and the default dtype as they were. Every failure is one sentence that says what
came and what to do.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..labels import Labels
from ..preprocessing import Preprocessing
from .descriptor import NAME as HOG
from .descriptor import open_hog
from .embedded import NAME as EMBEDDED
from .embedded import open_embedded
from .from_callable import open_callable
from .from_file import Architecture, looks_like_file, open_file
from .from_folder import looks_like_folder, open_folder
from .from_timm import open_hub, open_timm
from .from_torchvision import open_torchvision
from .graphs.from_exported import SUFFIX as EXPORTED
from .graphs.from_exported import open_exported
from .graphs.from_onnx import SUFFIX as ONNX
from .graphs.from_onnx import open_onnx
from .listing import Listed, names
from .marked_folders import LEARNED, marked, open_shipped
from .source import Source, as_labels, near

__all__ = ["Architecture", "Listed", "Source", "names", "open_source"]

GRAPHS = (ONNX, EXPORTED)  # suffixes of files that hold a network's graph and its weights, and no code
_CALLABLE = re.compile(r"([\w.]+|.+\.py):[A-Za-z_][\w.]*")


def open_source(
    spec: str | None = None,
    *,
    architecture: Architecture | None = None,
    weights: str | None = None,
    labels: Labels | Sequence[str] | None = None,
    preprocessing: Preprocessing | None = None,
    seed: int = 0,
    classes: int | None = None,
) -> Source:
    """The network that `spec` names, in eval mode, with its preprocessing and labels.

    `architecture` says what the weights in a file belong to. `weights` is the part after '@', or a weights file for
    the architecture that `spec` names. `labels` and `preprocessing` take the place of what the source says of itself.
    `classes` is the size of a head that has no ready-made weights. Raises LookupError for names and weights that are
    not there, FileNotFoundError for files, ValueError for what does not fit together.
    """
    source = _opened(EMBEDDED if spec is None else spec, architecture, weights, seed, classes)
    if labels is not None:
        source = replace(source, labels=as_labels(labels, source.labels.count))
    return source if preprocessing is None else replace(source, preprocessing=preprocessing)


def _opened(
    spec: str, architecture: Architecture | None, weights: str | None, seed: int, classes: int | None
) -> Source:
    if not isinstance(spec, str):
        raise TypeError(f"a network is named by a text like 'torchvision:resnet18', not {type(spec).__name__}")
    # weights of a file of one's own, for a network that is named or given
    if weights is not None and looks_like_file(weights):
        if architecture is not None:
            raise ValueError("give the architecture once: as the network's name with weights=, or as architecture=")
        return open_file(
            weights, "timm:tf_efficientnet_lite0" if spec == EMBEDDED else spec, seed=seed, classes=classes
        )
    # the libraries' networks
    kind, _, rest = spec.partition(":")
    name, _, tag = rest.partition("@")
    if kind in ("torchvision", "timm"):
        _refuse(spec, architecture=architecture)
        if not name:
            raise ValueError(f"'{spec}' names no network; write {kind}:NAME, 'phosphene networks {kind}' lists them")
        if tag and weights is not None and tag.lower() != weights.lower():
            raise ValueError(f"{spec} and weights='{weights}' name different weights; give one of them")
        opener = open_torchvision if kind == "torchvision" else open_timm
        return opener(name, tag or weights, seed=seed, classes=classes)
    # files: graphs, then weights
    if (suffix := Path(spec).suffix.lower()) in GRAPHS:
        _refuse(spec, architecture=architecture, weights=weights, classes=classes)
        return open_onnx(spec, seed=seed) if suffix == ONNX else open_exported(spec, seed=seed)
    if looks_like_file(spec):
        _refuse(spec, weights=weights)
        return open_file(spec, architecture, seed=seed, classes=classes)
    if looks_like_folder(spec) and (of_mark := marked(spec)) is not None:
        _refuse(spec, weights=weights, classes=classes)
        return of_mark(spec, architecture)
    if kind == LEARNED:
        _refuse(spec, weights=weights, classes=classes)
        return open_shipped(rest, architecture)
    # what brings both its architecture and its weights
    _refuse(spec, architecture=architecture, weights=weights)
    if spec == EMBEDDED:
        _refuse(spec, classes=classes)
        return open_embedded()
    if spec == HOG:
        _refuse(spec, classes=classes)
        return open_hog()
    if kind == "hf-hub":
        _refuse(spec, classes=classes)
        return open_hub(spec, seed=seed)
    if looks_like_folder(spec):
        _refuse(spec, classes=classes)
        return open_folder(spec, seed=seed)
    if _CALLABLE.fullmatch(spec):
        return open_callable(spec, seed=seed, classes=classes)
    raise LookupError(_unknown(spec))


def _refuse(spec: str, **options: object) -> None:
    """Options that a source has no use for are errors, not ignored."""
    for name, value in options.items():
        if value is not None:
            raise ValueError(f"{name}= has no meaning for '{spec}'; leave it out")


def _unknown(spec: str) -> str:
    specs = sorted({listed.spec for listed in names("torchvision")} | {EMBEDDED, HOG})
    plain = [name.removeprefix("torchvision:") for name in specs]
    if f"torchvision:{spec}" in specs:
        return f"'{spec}' does not say where it is from; write torchvision:{spec} or timm:{spec}"
    forms = "torchvision:NAME, timm:NAME, hf-hub:OWNER/NAME, a weights file, a model's folder, my_module:build"
    return f"'{spec}' is no network that phosphene can open{near(spec, plain)}; write {forms}"
