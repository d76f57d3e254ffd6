"""Networks from a weights file and an architecture: `weights.safetensors`, `checkpoint.pth`, `file.safetensors#net/`.

The file holds tensors by name, the architecture says what they are the weights of. What the file does not say (how
photos are prepared, what the classes are called) is taken from the architecture, and noted as an assumption.
"""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..labels import Labels
from . import from_callable as source_callable
from . import from_timm as source_timm
from . import from_torchvision as source_torchvision
from .source import Blueprint, Source, as_labels, count_classes, undisturbed
from .weights_file import SUFFIXES, mismatch, read_state, unwrapped

Architecture = str | Callable[..., Any] | nn.Module


def looks_like_file(spec: str) -> bool:
    """Whether a spec names a weights file: by its suffix, or because it is there."""
    path = Path(split(spec)[0])
    return path.suffix.lower() in SUFFIXES or (path.suffix != ".py" and path.is_file())


def split(spec: str) -> tuple[str, str]:
    """'file#prefix' as (file, prefix); a '#' in the name of a file that exists stays there."""
    if Path(spec).is_file():
        return spec, ""
    path, _, prefix = spec.partition("#")
    return path, prefix


def open_file(spec: str, architecture: Architecture | None, *, seed: int = 0, classes: int | None = None) -> Source:
    """The architecture filled with the file's weights, as float32; as many classes as the file's head has.

    Raises ValueError, with what differs, if the weights do not fit.
    """
    path, prefix = split(spec)
    state = read_state(Path(path), prefix)
    if architecture is None:
        raise ValueError(
            f"{path} holds weights but not the network they belong to; "
            f"add architecture='torchvision:NAME', 'timm:NAME' or 'my_module:build'"
        )
    plan = blueprint(architecture)
    with undisturbed(seed):
        module = plan.build(classes)
        state = unwrapped(state, module.state_dict())
        inferred = None if classes is not None else _other_head(state, module.state_dict())
        rebuilt = None if inferred is None else _rebuilt(plan, inferred)
        if rebuilt is not None and not mismatch(state, rebuilt.state_dict()):
            module = rebuilt
    differences = mismatch(state, module.state_dict())
    if differences:
        raise ValueError(f"{spec} does not fit {plan.spec}: {differences}")
    module.load_state_dict(state, strict=False)  # only counters of batches may be missing, see mismatch
    way = plan.preprocessing(module)
    with undisturbed(seed):
        count = count_classes(module.eval(), way)
    notes = (f"weights {spec} in {plan.spec}", *((plan.note + ", assumed",) if plan.note else ()))
    labels = plan.labels(module)
    named = None if labels is None else as_labels(labels, None).count
    if named is not None and count is not None and named != count:
        notes = (*notes, f"{plan.spec} names {named} classes and the file has {count}, which go by their numbers")
        labels = Labels(None, count)
    return Source(module, way, as_labels(labels, count), spec, notes, plan.head(module))


def blueprint(architecture: Architecture) -> Blueprint:
    """The architecture behind 'torchvision:NAME', 'timm:NAME', 'module:callable', a callable, or a module's copy."""
    if isinstance(architecture, nn.Module):
        original, name = architecture, type(architecture).__name__
        return source_callable.blueprint(lambda: copy.deepcopy(original), name)
    if not isinstance(architecture, str):
        if not callable(architecture):
            raise TypeError(f"architecture is a name, a callable or a module, not {type(architecture).__name__}")
        return source_callable.blueprint(architecture, getattr(architecture, "__name__", repr(architecture)))
    kind, _, rest = architecture.partition(":")
    name = rest.partition("@")[0]
    if kind == "torchvision":
        return source_torchvision.blueprint(name)
    if kind == "timm":
        return source_timm.blueprint(name)
    if not rest:
        raise ValueError(
            f"architecture '{architecture}' does not say where it is from; "
            f"write torchvision:{architecture}, timm:{architecture} or my_module:{architecture}"
        )
    return source_callable.blueprint(source_callable.find_callable(architecture), architecture)


def _other_head(state: dict[str, Tensor], expected: dict[str, Tensor]) -> int | None:
    """The number of classes in the file, if the number of rows in some layers is all that differs."""
    shared = [(state[name].shape, expected[name].shape) for name in expected if name in state]
    rows = {theirs[0] for theirs, ours in shared if theirs != ours and len(theirs) == len(ours) > 0}
    only_rows = all(theirs == ours or (len(theirs) > 0 and theirs[1:] == ours[1:]) for theirs, ours in shared)
    return rows.pop() if only_rows and len(rows) == 1 else None


def _rebuilt(plan: Blueprint, classes: int) -> nn.Module | None:
    try:
        return plan.build(classes)
    except (ValueError, TypeError):  # a callable without classes=; the difference in shape is then the error
        return None
