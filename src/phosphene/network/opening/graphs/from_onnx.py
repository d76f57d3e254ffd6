"""Networks as ONNX files: `model.onnx`, through onnx2torch, which builds a module of PyTorch's own layers.

A file of ONNX holds a graph of operators and tensors, no code. It says its input's shape, seldom how a photo becomes
that input; class names stand in its metadata, if anywhere. What is not known is assumed, and noted.
"""

import ast
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import fx, nn

from ...labels import Labels
from ...preprocessing import Preprocessing
from ..source import Source, count_classes, first_line, undisturbed
from . import onnx_graph
from .graph_module import graph_module
from .one_image import CLOSE, one_by_one, tensors_of_output, together
from .onnx_layers import Slice, for_each
from .onnx_operators import unknown_operators, with_linear_layers

SUFFIX = ".onnx"
_USUAL = 224


def open_onnx(spec: str, *, seed: int = 0) -> Source:
    """The network in an ONNX file. ValueError, in one sentence, for a graph that can't be one of images."""
    path = Path(spec)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file; give the path of an ONNX file")
    model = _read(path)
    name, shape, laid = _input(model, path)
    fixed = bool(model.graph.input[0].type.tensor_type.shape.dim[0].dim_value)
    model = _prepared(model, path)
    with undisturbed(seed), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        module = _converted(model, path, channels_last=laid)
    module.eval()
    way = _way(shape, module)
    notes = [f"weights {path}", f"preprocessing not known, so: {way}"]
    notes += sorted({f"onnx2torch says: {warning.message}" for warning in warned if "differ" in str(warning.message)})
    if laid:
        notes.append(f"its input '{name}' is (N, H, W, C), so images are laid out that way first")
    if fault := _compared(path, module, way, laid):
        notes.append(fault)
    if fixed and (fault := together(module, way)):
        module = one_by_one(module, fault)
        notes.append(fault)
    labels = _labels(model, count_classes(module, way))
    if labels.names is not None:
        notes.append("class names of the file's metadata")
    return Source(module, way, labels, spec, tuple(notes))


def _prepared(model: Any, path: Path) -> Any:
    """The graph in the form that onnx2torch takes."""
    from onnx import shape_inference

    onnx_graph.without_constants(model)
    try:
        onnx_graph.with_stated_padding(model)
    except ValueError as error:
        raise ValueError(f"{path} can't be opened: {error}") from error
    onnx_graph.free_of_batch(model)
    model = shape_inference.infer_shapes(model)  # before nodes that only we know come in
    with_linear_layers(model)
    if unknown := unknown_operators(model):
        raise ValueError(f"{path} uses operators that onnx2torch does not have: {', '.join(unknown)}")
    return model


def _read(path: Path) -> Any:
    try:
        import onnx
        import onnx2torch  # noqa: F401
    except ImportError as error:
        raise LookupError(
            f"{path} is an ONNX file, and {error.name} is not installed; pip install 'phosphene[onnx]'"
        ) from error
    try:
        model = onnx.load(path)
    except Exception as error:  # protobuf and external data each have errors of their own
        raise ValueError(f"{path} is not a sound ONNX file ({first_line(error)})") from error
    if not model.graph.node:
        raise ValueError(f"{path} is not a sound ONNX file: it holds no graph")
    return model


def _input(model: Any, path: Path) -> tuple[str, tuple[int | None, ...], bool]:
    """The one input's name, its (channels, height, width) as far as they are fixed, and whether channels come last."""
    from onnx import TensorProto

    inside = {value.name for value in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in inside]
    if len(inputs) != 1:
        names = ", ".join(f"'{value.name}'" for value in inputs)
        raise ValueError(f"{path} takes {len(inputs)} inputs ({names}); phosphene opens networks of one image")
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    kind = inputs[0].type.tensor_type
    sides = tuple(side.dim_value if side.dim_value > 0 else None for side in kind.shape.dim)
    if kind.elem_type not in (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE):
        came = TensorProto.DataType.Name(kind.elem_type).lower()
        raise ValueError(f"{path} takes {came} values; gradients need an input of floats")
    if len(sides) != 4:
        raise ValueError(f"{path} takes an input of {len(sides)} dimensions; images are (N, C, H, W)")
    last = sides[3] in (1, 3, 4) and sides[1] not in (1, 3, 4)
    return inputs[0].name, (sides[3], sides[1], sides[2]) if last else sides[1:], last


def _converted(model: Any, path: Path, *, channels_last: bool) -> fx.GraphModule:
    """The graph as a module whose layers have the names of their places."""
    import onnx2torch

    names = onnx_graph.node_names(model.graph)
    for number, node in enumerate(model.graph.node):
        node.name = f"phosphene_{number}"
    try:
        converted = onnx2torch.convert(model)
    except Exception as error:  # each operator's converter has its own ways to fail
        raise ValueError(f"{path} can't be converted by onnx2torch ({first_line(error)})") from error
    parts: dict[str, Any] = {}
    numbered = {f"phosphene_{number}": name for number, name in enumerate(names)}
    for node in converted.graph.nodes:
        if node.op == "call_module":
            target = str(node.target)
            last = target.rpartition("/")[2]
            node.target = numbered[last]
            part = converted.get_submodule(target)
            parts[node.target] = Slice() if type(part).__name__ == "OnnxSlice" else part
        elif node.op == "get_attr":
            parts[str(node.target)] = converted.get_buffer(str(node.target))
    for node in list(converted.graph.nodes):
        if node.op == "call_module" and type(parts[node.target]).__name__ == "OnnxConcat":
            _spread(node, parts)
    if channels_last:
        first = next(node for node in converted.graph.nodes if node.op == "placeholder")
        with converted.graph.inserting_after(first):
            turned = converted.graph.call_function(torch.permute, (first, (0, 2, 3, 1)))
        first.replace_all_uses_with(turned, delete_user_cb=lambda user: user is not turned)
    return graph_module(parts, converted.graph, path.stem)


def _spread(node: fx.Node, parts: dict[str, Any]) -> None:
    """What is concatenated to every image, such as a class token, is repeated for each image that comes."""
    inputs = [each for each in node.args if isinstance(each, fx.Node)]
    images = [each for each in inputs if each.op != "get_attr"]
    if not images or parts[str(node.target)].axis == 0:
        return
    for each in inputs:
        value = parts[str(each.target)] if each.op == "get_attr" else None
        if value is not None and value.ndim > 1 and len(value) == 1:
            with node.graph.inserting_before(node):
                node.replace_input_with(each, node.graph.call_function(for_each, (each, images[0])))


def _way(shape: tuple[int | None, ...], module: nn.Module) -> Preprocessing:
    """Values in [0, 1] at the size that the file fixes, and the usual one where it fixes none."""
    channels, height, width = shape
    if channels is None:
        channels = next((part.in_channels for part in module.modules() if isinstance(part, nn.Conv2d)), 3)
    return Preprocessing.plain((height or _USUAL, width or _USUAL), channels)


def _compared(path: Path, module: nn.Module, way: Preprocessing, channels_last: bool) -> str:
    """That the answers equal onnxruntime's, where that is installed. Raises ValueError where they don't."""
    try:
        import onnxruntime
    except ImportError:
        return ""
    generator = torch.Generator().manual_seed(0)
    first = next(module.parameters(), torch.empty(0))
    image = torch.rand(1, way.channels, *way.size, generator=generator).to(first.dtype)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        runs = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        laid_out = image.permute(0, 2, 3, 1) if channels_last else image
        expected = runs.run(None, {runs.get_inputs()[0].name: laid_out.numpy()})
    except Exception:  # a runtime that can't run the file has nothing to compare with
        return ""
    with torch.no_grad():
        try:
            answers = tensors_of_output(module(image))
        except Exception as error:
            raise ValueError(f"{path} as onnx2torch reads it does not run ({first_line(error)})") from error
    for name, value, right in zip((output.name for output in runs.get_outputs()), answers, expected, strict=False):
        off = float((value - torch.as_tensor(right)).abs().max()) if value.shape == right.shape else float("inf")
        if not off <= CLOSE * max(1.0, float(abs(right).max())):
            raise ValueError(
                f"{path} as onnx2torch reads it gives other answers than onnxruntime: '{name}' is off by {off:.3g}"
            )
    return "answers equal onnxruntime's on one image"


def _labels(model: Any, count: int | None) -> Labels:
    """The classes in the file's metadata, where their number is that of the outputs; a list, a dict or a line each."""
    for entry in model.metadata_props:
        if entry.key.lower() not in ("names", "labels", "classes", "class_names", "categories"):
            continue
        try:
            named = ast.literal_eval(entry.value)
        except (ValueError, SyntaxError):
            named = [line.strip() for line in entry.value.replace(",", "\n").splitlines() if line.strip()]
        if isinstance(named, dict):
            named = [named[key] for key in sorted(named)]
        if isinstance(named, (list, tuple)) and len(named) == count:
            return Labels(tuple(map(str, named)))
    return Labels(None, count)
