"""An ONNX graph made ready for conversion: constants folded, free of one fixed batch, every node named by its place.

Only the graph's description is touched; no operator is written anew here. Folding uses ONNX's own reference
implementation, one node at a time.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

_RANDOM = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli")
_MOST_FOLDED = 64_000_000  # values; a constant that grows beyond this stays computed


def without_constants(model: Any) -> None:
    """Nodes that compute the same for every input become values of the file; those that do nothing are taken out."""
    from onnx import numpy_helper

    graph = model.graph
    constants = {value.name: value for value in graph.initializer}
    outputs = {value.name for value in graph.output}
    renamed: dict[str, str] = {}
    left = []
    for node in graph.node:
        for position, name in enumerate(node.input):
            node.input[position] = renamed.get(name, name)
        if node.op_type == "Identity" and node.output[0] not in outputs:
            renamed[node.output[0]] = node.input[0]
        elif values := _folded(node, constants, model, outputs):
            for name, value in zip(node.output, values, strict=True):
                constants[name] = numpy_helper.from_array(np.asarray(value), name)
        else:
            left.append(node)
    del graph.node[:]
    graph.node.extend(left)
    used = {name for node in left for name in _names_read(node)}
    del graph.initializer[:]
    graph.initializer.extend(value for name, value in constants.items() if name in used)


def _names_read(node: Any) -> Iterator[str]:
    yield from node.input
    for attribute in node.attribute:
        for graph in (*([attribute.g] if attribute.HasField("g") else ()), *attribute.graphs):
            for inner in graph.node:
                yield from _names_read(inner)


def _folded(node: Any, constants: dict[str, Any], model: Any, outputs: set[str]) -> list[Any] | None:
    """The values of a node whose inputs are all in the file; None if it must stay."""
    from onnx import helper, numpy_helper
    from onnx.reference import ReferenceEvaluator

    graphs = any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute)
    if graphs or node.op_type in _RANDOM or outputs & set(node.output) or "" in node.output:
        return None
    if not all(name in constants for name in node.input if name):
        return None
    values_by_name = {name: numpy_helper.to_array(constants[name]) for name in node.input if name}
    alone = helper.make_graph(
        [node],
        "constant",
        [helper.make_empty_tensor_value_info(name) for name in values_by_name],
        [helper.make_empty_tensor_value_info(name) for name in node.output],
    )
    try:
        made = helper.make_model(alone, opset_imports=model.opset_import, ir_version=model.ir_version)
        values = list(ReferenceEvaluator(made).run(None, values_by_name))
    except Exception:  # an operator that the reference does not have, or other types: it stays in the graph
        return None
    return values if sum(np.size(value) for value in values) <= _MOST_FOLDED else None


def with_stated_padding(model: Any) -> None:
    """Convolutions and pools that pad "so that the size stays" get the numbers of pixels that this means.

    With a stride of 1 they don't depend on the input's size. Raises ValueError where they do and the size is not fixed.
    """
    from onnx import helper, shape_inference

    padded = [node for node in model.graph.node if _attribute(node, "auto_pad", b"NOTSET").startswith(b"SAME")]
    padded = [node for node in padded if node.op_type in ("Conv", "MaxPool", "AveragePool")]
    if not padded:
        return
    inferred = shape_inference.infer_shapes(model).graph
    shapes = {value.name: value.type.tensor_type.shape.dim for value in (*inferred.value_info, *inferred.input)}
    weights = {value.name: list(value.dims) for value in model.graph.initializer}
    for node in padded:
        kernel = _attribute(node, "kernel_shape", None) or weights[node.input[1]][2:]
        axes = len(kernel)
        strides = _attribute(node, "strides", [1] * axes)
        dilations = _attribute(node, "dilations", [1] * axes)
        sides = [side.dim_value for side in shapes.get(node.input[0], [])][2:] or [0] * axes
        lows, highs = [], []
        for size, length, step, dilation in zip(sides, kernel, strides, dilations, strict=True):
            reach = dilation * (length - 1)
            if step > 1 and not size:
                raise ValueError(
                    f"{node.op_type} pads by its input's size ({node.name or node.output[0]}), which is not fixed"
                )
            total = reach if step == 1 else max((-(-size // step) - 1) * step + reach + 1 - size, 0)
            less, more = total // 2, total - total // 2
            upper = _attribute(node, "auto_pad", b"") == b"SAME_UPPER"
            lows.append(less if upper else more)
            highs.append(more if upper else less)
        other_attributes = [attribute for attribute in node.attribute if attribute.name not in ("auto_pad", "pads")]
        del node.attribute[:]
        node.attribute.extend([*other_attributes, helper.make_attribute("pads", [*lows, *highs])])


def _attribute(node: Any, name: str, usual: Any) -> Any:
    from onnx import helper

    return next((helper.get_attribute_value(each) for each in node.attribute if each.name == name), usual)


def free_of_batch(model: Any) -> None:
    """A graph written down for a fixed number of images takes any: what reshapes to that number keeps what comes.

    Whether that is right for all of the graph is for its answers to say: two images together against each alone.
    """
    from onnx import numpy_helper, shape_inference

    graph = model.graph
    constants = {value.name: value for value in graph.initializer}
    for node in graph.node:  # a setting that is for zeros in the shape, where there are none
        if (
            node.op_type == "Reshape"
            and node.input[1] in constants
            and numpy_helper.to_array(constants[node.input[1]]).all()
        ):
            other_attributes = [attribute for attribute in node.attribute if attribute.name != "allowzero"]
            del node.attribute[:]
            node.attribute.extend(other_attributes)
    # how many images it was written down for
    images = graph.input[0].type.tensor_type.shape.dim
    fixed = images[0].dim_value if len(images) else 0
    if not fixed:
        return
    # each reshape whose target begins with a number: that keeps its input's first side (0) or works it out (-1)
    inferred = shape_inference.infer_shapes(model).graph
    shapes = {value.name: value.type.tensor_type.shape.dim for value in (*inferred.value_info, *graph.input)}
    for count, node in enumerate(node for node in graph.node if node.op_type == "Reshape"):
        target = constants.get(node.input[1])
        if target is None:
            continue
        shape = numpy_helper.to_array(target).copy()
        before = shapes.get(node.input[0], [])
        if not len(shape) or shape[0] <= 0 or not len(before):
            continue
        if shape[0] == fixed == before[0].dim_value:
            shape[0] = 0
        elif -1 not in shape:
            shape[0] = -1
        else:
            continue
        node.input[1] = f"{node.input[1]} for any batch {count}"
        graph.initializer.append(numpy_helper.from_array(shape, node.input[1]))
    # what was inferred for the fixed number no longer holds
    images[0].Clear()
    images[0].dim_param = "images"
    del graph.value_info[:]
    for output in graph.output:
        output.type.tensor_type.ClearField("shape")


def node_names(graph: Any) -> list[str]:
    """A dotted name for every node, in order: that of the module it was exported from, where the file says so.

    `/layer1/layer1.0/conv1/Conv` is `layer1.0.conv1` where nothing else is computed there, and `/layer1/layer1.0/Add`
    is `layer1.0.add`. Without such names a node is called by its operator, and numbered.
    """
    homes = [_home(node) for node in graph.node]
    alone = Counter(homes)
    above = {".".join(home.split(".")[:depth]) for home in homes for depth in range(home.count(".") + 1)}
    names: list[str] = []
    used_names: set[str] = set()
    for node, home in zip(graph.node, homes, strict=True):
        operator = node.op_type.lower()
        name = home if home and alone[home] == 1 and home not in above else f"{home}.{operator}" if home else operator
        again, number = name, 0
        while again in used_names:
            number += 1
            again = f"{name}_{number}"
        used_names.add(again)
        names.append(again)
    return names


def _home(node: Any) -> str:
    """The module that a node was exported from; '' where its name does not say."""
    scopes = next((entry.value for entry in node.metadata_props if entry.key.endswith("name_scopes")), None)
    if scopes is not None:  # what torch.onnx.export writes: "['', 'layer1', 'layer1.0', 'conv2d_3']"
        parts = [part.strip(" '\"") for part in scopes.strip("[]").split(",")][:-1]
        return _dotted(parts[-1]) if parts else ""
    if not node.name.startswith("/"):
        return ""
    path: list[str] = []
    for part in node.name.split("/")[1:-1]:  # a container's child comes after it with its name before its own
        if path and part.startswith(f"{path[-1]}."):
            path.pop()
        path.append(part)
    return _dotted(".".join(path))


def _dotted(path: str) -> str:
    return ".".join(part for part in path.split(".") if part and part.replace("_", "a").isalnum())
