"""The tensors of a weights file: .safetensors, or what torch.save wrote. Nothing in it is ever unpickled.

Training code wraps what it saves: in 'state_dict' or 'model', behind 'module.' (DataParallel) or '_orig_mod.'
(torch.compile). `read_state` takes the tensors out of the first, `unwrapped` the names out of the second.
"""

import pickle
import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from .source import first_line, near

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".th", ".tar")
_INNER = ("state_dict", "model", "model_state_dict", "model_state", "net", "network", "weights", "params", "module")
_PICTURES = {b"\xff\xd8\xff": "JPEG", b"\x89PNG": "PNG", b"RIFF": "WebP", b"GIF8": "GIF", b"BM": "BMP"}
_PREFIXES = ("module.", "model.", "net.", "network.")


def read_state(path: Path, prefix: str = "") -> dict[str, Tensor]:
    """The file's tensors by name, on the CPU; with `prefix`, only those that begin with it, without it.

    Raises FileNotFoundError, ValueError for a file that holds anything else, LookupError for an unknown prefix.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file; give the path of a weights file ({', '.join(SUFFIXES)})")
    state = _read_safetensors(path, prefix) if path.suffix == ".safetensors" else _read_torch(path)
    under_prefix = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    if not under_prefix:
        raise LookupError(f"no key of {path.name} begins with '{prefix}'; {_beginnings(state, prefix)}")
    return under_prefix


def _read_safetensors(path: Path, prefix: str) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            under_prefix = [name for name in names if name.startswith(prefix)]
            if not under_prefix:
                return dict.fromkeys(names, torch.empty(0))
            return {name: file.get_tensor(name) for name in under_prefix}
    except SafetensorError as error:
        raise ValueError(f"{path} is not a sound safetensors file ({first_line(error)})") from error


def _read_torch(path: Path) -> dict[str, Tensor]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(name.endswith("/constants.pkl") for name in archive.namelist()):
                raise ValueError(f"{path} is a TorchScript archive; save the state_dict() of the module it came from")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        pickled_class = re.search(r"GLOBAL (\S+)", str(error))
        if pickled_class is None:
            raise ValueError(_no_weights(path)) from error
        raise ValueError(
            f"{path} holds a whole pickled module or other objects ({pickled_class.group(1)}), never unpickled here; "
            f"save its state_dict(): torch.save(module.state_dict(), 'weights.pth')"
        ) from error
    except (RuntimeError, EOFError, OSError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is not a sound weights file ({first_line(error)})") from error
    return _tensors(content, path)


def _no_weights(path: Path) -> str:
    """What to say of a file that torch.save did not write."""
    with path.open("rb") as file:
        head = file.read(16)
    kind = next((name for start, name in _PICTURES.items() if head.startswith(start)), None)
    if kind is not None:
        return f"{path} is a {kind} photo, not a network's weights; name a network, and give the photo as the photo"
    return f"{path} is not a weights file: it is neither what torch.save writes nor a .safetensors file"


def _tensors(content: Any, path: Path) -> dict[str, Tensor]:
    while isinstance(content, Mapping):
        inner = [content[name] for name in _INNER if isinstance(content.get(name), Mapping) and content[name]]
        if not inner:
            break
        content = inner[0]
    tensors = {str(k): v for k, v in content.items() if isinstance(v, Tensor)} if isinstance(content, Mapping) else {}
    if not tensors:
        keys = f" with the keys {', '.join(map(str, list(content)[:8]))}" if isinstance(content, Mapping) else ""
        raise ValueError(f"{path} holds no tensors by name but a {type(content).__name__}{keys}; save a state_dict()")
    return tensors


def unwrapped(state: dict[str, Tensor], names: Iterable[str]) -> dict[str, Tensor]:
    """The state with the prefixes that training code puts before every name taken off, if `names` has none of them."""
    names = list(names)
    if not any("_orig_mod." in name for name in names):
        state = {name.replace("_orig_mod.", ""): value for name, value in state.items()}
    while True:
        named = {name: value for name, value in state.items() if name != "n_averaged"}  # AveragedModel's counter
        shared = [p for p in _PREFIXES if named and all(name.startswith(p) for name in named)]
        if not shared or any(name.startswith(shared[0]) for name in names):
            return state
        state = {name.removeprefix(shared[0]): value for name, value in named.items()}


def mismatch(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str:
    """How the file's tensors differ from the network's, as half a sentence; empty if they fit.

    Counters of batches, which old files lack and evaluation never reads, may be missing.
    """
    missing = [name for name in expected if name not in state and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in state if name not in expected]
    other = [name for name in expected if name in state and expected[name].shape != state[name].shape]
    parts = []
    if missing:
        parts.append(f"{len(missing)} missing ({_first_names(missing)})")
    if unexpected:
        parts.append(f"{len(unexpected)} unexpected ({_first_names(unexpected)}{near(unexpected[0], missing)})")
    if other:
        shapes = [f"{n} is {tuple(state[n].shape)} for {tuple(expected[n].shape)}" for n in other]
        parts.append(f"{len(other)} of another shape ({_first_names(shapes)})")
    if parts and "/" in next(iter(state)):
        parts.append(_beginnings(state, ""))
    return ", ".join(parts)


def _first_names(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _beginnings(names: Iterable[str], prefix: str) -> str:
    """What prefixes a file offers, as the end of a sentence."""
    cut = "/" if any("/" in name for name in names) else "."
    prefixes = dict.fromkeys(name.partition(cut)[0] + cut for name in names)
    return f"write FILE#PREFIX with a prefix that it has: {', '.join(list(prefixes)[:12])}{near(prefix, prefixes)}"
