"""Operators of newer ONNX versions, for which onnx2torch has the code under an older one.

Most new versions of an operator only admit more types of values. Where a node would be a valid node of the older
version too (the same attributes and inputs, or defaults that can be left out), the older converter is registered for
the newer one. `Gelu`, which onnx2torch does not have, becomes `nn.GELU`, and a product with a matrix of the file, with
what is added to it, `nn.Linear`.
"""

from typing import Any

from torch import nn

OWN = "phosphene"  # the domain of operators that are no part of ONNX
_CHANGED = ("Softmax", "LogSoftmax", "TopK", "ScatterND")  # whose meaning changed under the same attributes


def unknown_operators(model: Any) -> list[str]:
    """The operators of a graph that can't be converted, by name; the others have converters afterwards."""
    from onnx2torch.node_converters import get_converter

    _register_own()
    versions = {entry.domain: entry.version for entry in model.opset_import}
    constants = {value.name: value for value in model.graph.initializer}
    unknown: dict[str, None] = {}
    for node in model.graph.node:
        version = versions.get(node.domain, 1)
        _written_as_before(node, version, constants)
        try:
            get_converter(operation_type=node.op_type, version=version, domain=node.domain)
        except NotImplementedError:
            if node.domain or not _lent(node, version):
                unknown[f"{node.domain}.{node.op_type}" if node.domain else f"{node.op_type} (opset {version})"] = None
    return list(unknown)


def _lent(node: Any, version: int) -> bool:
    """Whether the newest older converter fits a node; it then stands for the node's version as well."""
    from onnx import defs
    from onnx2torch.node_converters.registry import add_converter, get_converter

    if node.op_type in _CHANGED or not defs.has(node.op_type):
        return False
    since = defs.get_schema(node.op_type, max_inclusive_version=version).since_version
    for older in range(since - 1, 0, -1):
        try:
            schema = defs.get_schema(node.op_type, max_inclusive_version=older)
        except defs.SchemaError:
            return False
        try:
            converter = get_converter(node.op_type, schema.since_version)
        except NotImplementedError:
            continue
        if {attribute.name for attribute in node.attribute} - schema.attributes.keys():
            return False
        if len(node.input) > schema.max_input:
            return False
        add_converter(operation_type=node.op_type, version=since)(converter)
        return True
    return False


def _written_as_before(node: Any, version: int, constants: dict[str, Any]) -> None:
    """Writes a node as an older version would have: axes of a reduction as its attribute, defaults left out."""
    from onnx import defs, helper, numpy_helper

    if node.domain or not defs.has(node.op_type):
        return
    schema = defs.get_schema(node.op_type, max_inclusive_version=version)
    reduces = node.op_type.startswith("Reduce") and node.op_type != "ReduceSum" and schema.since_version >= 18
    if reduces and len(node.input) == 2 and node.input[1] in constants:
        axes = numpy_helper.to_array(constants[node.input[1]]).tolist()
        del node.input[1]
        node.attribute.append(helper.make_attribute("axes", axes))
    if node.op_type == "Split" and schema.since_version >= 18 and len(node.input) == 1:
        _drop(node, {"num_outputs"})  # equal parts, as before, where the size is a multiple of their number
    usual = {"noop_with_empty_axes": 0, "antialias": 0, "keep_aspect_ratio_policy": b"stretch", "start": 0}
    values = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    _drop(node, {name for name, value in values.items() if name in usual and value == usual[name]})
    if node.op_type == "AveragePool" and set(values.get("dilations", ())) == {1}:
        _drop(node, {"dilations"})


def _drop(node: Any, names: set[str]) -> None:
    other_attributes = [attribute for attribute in node.attribute if attribute.name not in names]
    del node.attribute[:]
    node.attribute.extend(other_attributes)


def with_linear_layers(model: Any) -> None:
    """Products with a matrix of the file, and the bias that is added to them, become one node each, `Linear`."""
    from onnx import helper

    graph = model.graph
    constant_shapes = {value.name: list(value.dims) for value in graph.initializer}
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    outputs = {value.name for value in graph.output}
    merged: set[str] = set()
    nodes = []
    for node in graph.node:
        if node.output[0] in merged:
            continue
        if (
            node.op_type != "MatMul"
            or node.domain
            or len(constant_shapes.get(node.input[1], ())) != 2
            or node.input[0] in constant_shapes
        ):
            nodes.append(node)
            continue
        inputs, output = list(node.input), node.output[0]
        after = readers.get(output, [])
        if len(after) == 1 and after[0].op_type == "Add" and output not in outputs:
            other = next((name for name in after[0].input if name != output), "")
            if constant_shapes.get(other) == constant_shapes[node.input[1]][1:]:
                inputs, output = [*inputs, other], after[0].output[0]
                merged.add(output)
        linear = helper.make_node("Linear", inputs, [output], name=node.name, domain=OWN)
        linear.metadata_props.extend(node.metadata_props)
        nodes.append(linear)
    del graph.node[:]
    graph.node.extend(nodes)
    model.opset_import.append(helper.make_opsetid(OWN, 1))


def _register_own() -> None:
    from onnx2torch.node_converters.registry import add_converter, get_converter
    from onnx2torch.utils.common import OnnxMapping, OperationConverterResult, onnx_mapping_from_node

    def gelu(node: Any, graph: Any) -> Any:
        module = nn.GELU(approximate=node.attributes.get("approximate", "none"))
        return OperationConverterResult(torch_module=module, onnx_mapping=onnx_mapping_from_node(node=node))

    def linear(node: Any, graph: Any) -> Any:
        weight, *bias = (graph.initializers[name].to_torch() for name in node.input_values[1:])
        module = nn.Linear(weight.shape[0], weight.shape[1], bias=bool(bias), dtype=weight.dtype)
        module.weight.data = weight.t().contiguous()
        if bias:
            module.bias.data = bias[0]
        mapping = OnnxMapping(inputs=node.input_values[:1], outputs=node.output_values)
        return OperationConverterResult(torch_module=module, onnx_mapping=mapping)

    for name, version, domain, converter in (("Gelu", 20, "", gelu), ("Linear", 1, OWN, linear)):
        try:
            get_converter(name, version, domain)
        except NotImplementedError:
            add_converter(operation_type=name, version=version, domain=domain)(converter)
