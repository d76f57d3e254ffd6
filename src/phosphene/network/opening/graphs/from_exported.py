"""Networks as programs of torch.export: `program.pt2`, opened without running anything that the file names.

The program's graph calls ATen's operators. It is built anew here of the modules that it was exported from:
convolutions, linear layers, norms and pools as torch.nn's own, all else as calls of PyTorch's functions inside modules
of the same names. So every instrument works on it as on the original. The answers are compared with the program's own.
"""

import io
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils import _pytree

from ...labels import Labels
from ...preprocessing import Preprocessing
from ..source import Source, count_classes, first_line, undisturbed
from .exported_archive import refusal
from .exported_layers import layer_of
from .graph_module import graph_module, quiet
from .one_image import CLOSE, one_by_one, tensors_of_output, together

SUFFIX = ".pt2"
_lock = threading.Lock()


def open_exported(spec: str, *, seed: int = 0) -> Source:
    """The network in a program of torch.export. ValueError, in one sentence, for one that can't be opened."""
    path = Path(spec)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file; give the path of a program that torch.export.save wrote")
    content = path.read_bytes()
    if why := refusal(content):
        raise ValueError(f"{path} {why}")
    try:
        with undisturbed(seed), _weights_only(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.load(io.BytesIO(content))
            program._guards_code = []  # conditions on the input, as code; sizes that don't fit say so themselves
            shape = _input(program, path)
            module = _module(program)
    except (RuntimeError, KeyError, AssertionError, TypeError, NotImplementedError, AttributeError) as error:
        raise ValueError(f"{path} can't be opened by this PyTorch ({first_line(error)})") from error
    channels, height, width = shape[1:]
    way = Preprocessing.plain((height or 224, width or 224), channels or 3)
    with undisturbed(seed):
        _compare(program, module.eval(), way, shape, path)
    notes = [f"weights {path}", f"preprocessing not known, so: {way}"]
    if shape[0] is not None and (batch_fault := together(module.eval(), way)):
        module = one_by_one(module, batch_fault)
        notes.append(batch_fault)
    return Source(module.eval(), way, Labels(None, count_classes(module, way)), spec, tuple(notes))


@contextmanager
def _weights_only() -> Iterator[None]:
    """torch.load opens nothing but tensors inside the block, whoever calls it."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    with _lock:
        before = os.environ.get(name)
        os.environ[name] = "1"
        try:
            yield
        finally:
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before


def _input(program: Any, path: Path) -> tuple[int | None, ...]:
    """The (N, C, H, W) of the one input; None where a side may be any."""
    names = program.graph_signature.user_inputs
    placeholders = {node.name: node.meta["val"] for node in program.graph.nodes if node.op == "placeholder"}
    if len(names) != 1:
        listed = ", ".join(f"'{name}'" for name in names)
        raise ValueError(f"{path} takes {len(names)} inputs ({listed}); phosphene opens networks of one image")
    value = placeholders[names[0]]
    if not isinstance(value, Tensor) or value.ndim != 4 or not value.is_floating_point():
        came = f"{value.dtype} of {value.ndim} dimensions" if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"{path} takes {came}; images are floats (N, C, H, W)")
    for node in program.graph.nodes:
        schema = getattr(node.target, "_schema", None)
        positions = {argument.name: position for position, argument in enumerate(schema.arguments)} if schema else {}
        at = positions.get("training", positions.get("train"))
        if at is not None and len(node.args) > at and node.args[at] is True:
            raise ValueError(f"{path} was exported in training mode; call module.eval() before torch.export.export")
    return tuple(side if isinstance(side, int) else None for side in value.shape)


def _module(program: Any) -> fx.GraphModule:
    root = torch.export.unflatten(program)
    module = _rebuilt(root)
    spec = program.call_spec.out_spec
    output = next(node for node in module.graph.nodes if node.op == "output")
    outputs = output.args[0] if isinstance(output.args[0], (list, tuple)) else [output.args[0]]
    output.args = (_pytree.tree_unflatten(list(outputs), spec),)
    module.recompile()
    return quiet(module)


def _rebuilt(part: Any) -> Any:
    """A module of the program, with its parts, as torch.nn's layer where it is one, else with a graph of functions."""
    layer = layer_of(part)
    if layer is not None:
        return layer
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    result = graph.graph_copy(part.graph, copies)
    if result is not None:
        graph.output(result)
    attributes: dict[str, Any] = {}
    for node in list(graph.nodes):
        if node.op == "call_function":
            if _checks_only(node.target) and not node.users:
                graph.erase_node(node)
                continue
            node.target, node.args, node.kwargs = _plain(node)
        elif node.op == "call_module":
            attributes[str(node.target)] = part.get_submodule(str(node.target))
        elif node.op == "get_attr":
            attributes[str(node.target)] = _attribute(part, str(node.target))
    attributes = {
        name: _rebuilt(value) if isinstance(value, nn.Module) else value for name, value in attributes.items()
    }
    name = (getattr(part, "_ty", None) or "Program").rpartition(".")[2]
    return graph_module(attributes, graph, name)


def _attribute(part: Any, path: str) -> Any:
    for name in path.split("."):
        part = getattr(part, name)
    return part


def _checks_only(target: Any) -> bool:
    name = getattr(target, "__name__", str(target))
    return name.startswith(("_assert", "sym_constrain", "_guards"))


def _plain(node: fx.Node) -> tuple[Callable, tuple, dict]:
    """PyTorch's function for an ATen operator, which the instruments know; the arguments are the same."""
    target = node.target
    if not isinstance(target, torch._ops.OpOverload) or target.namespace != "aten":
        return target, node.args, dict(node.kwargs)  # type: ignore[return-value]
    name = target.overloadpacket.__name__
    kwargs = dict(node.kwargs)
    if name in _OWN:
        return _OWN[name], node.args, kwargs
    for home in (torch, torch._C._nn, Tensor):
        function = getattr(home, name, None)
        if callable(function):
            return function, node.args, kwargs
    return target, node.args, kwargs


def _side(images: Tensor, dim: int) -> int:
    return images.shape[dim]


def _indexed(images: Tensor, indices: Any) -> Tensor:
    return images[tuple(slice(None) if index is None else index for index in indices)]


def _sliced(images: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor:
    return images[(slice(None),) * (dim % images.ndim) + (slice(start, end, step),)]


_OWN: dict[str, Callable] = {
    "sym_size": _side,
    "index": _indexed,
    "slice": _sliced,
}  # with names of their own in Python


def _compare(program: Any, module: nn.Module, way: Preprocessing, shape: tuple[int | None, ...], path: Path) -> None:
    """Raises ValueError where the module answers otherwise than the program that it was built from."""
    generator = torch.Generator().manual_seed(0)
    first = next(module.parameters(), torch.empty(0))
    images = torch.rand(shape[0] or 2, way.channels, *way.size, generator=generator).to(first)
    with torch.no_grad():
        try:
            expected = tensors_of_output(quiet(program.module())(images))
        except Exception:  # a size that is only assumed, or a device that is not here: nothing to compare with
            return
        try:
            answers = tensors_of_output(module(images))
        except Exception as error:
            raise ValueError(f"{path} can't be rebuilt from its operators ({first_line(error)})") from error
    for value, right in zip(answers, expected, strict=True):
        if value.shape != right.shape or not torch.allclose(value, right, rtol=CLOSE, atol=CLOSE, equal_nan=True):
            raise ValueError(f"{path} rebuilt from its operators gives other answers than the program itself")
