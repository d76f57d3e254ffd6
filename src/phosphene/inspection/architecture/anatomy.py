"""The anatomy of a layer: what it computes from its input, and what its transpose makes of the signal coming back.

Forward, a layer is y = f(x, w). For a number z that the network goes on to compute from y, the chain rule runs through
the layer in reverse: from dz/dy it makes

    dz/dx = (dy/dx)^T dz/dy        dz/dw = (dy/dw)^T dz/dy

two linear maps of dz/dy. For a convolution the first is the transposed convolution with the same kernels, the second
the correlation of x with dz/dy. (A. Vedaldi and K. Lenc, 'MatConvNet', 2015, call them 'BP-reversed' layers.)

The network runs once, as it is. dz/dy is taken at the value as the layer left it, so that a later in-place function
changes nothing; then the layer alone runs on copies of x and w and is transposed. dz/dx is therefore what comes back
through this layer, not what other paths bring to x.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from ...input_photo import photo_of
from ...instrument import Result, instrument
from ...instrument.roles import Images, LayerName, UnitName
from ...network import OUTPUTS, Address, Call, Layout, Network, near
from ...network.running.evaluating import evaluating
from ...network.running.outputs import main_tensor
from ...picture import Sheet
from .anatomy_picture import sheet_of


@dataclass(frozen=True, eq=False)
class Anatomy(Result):
    """A layer's values and the derivatives of z by them, each shaped as its value, batch included."""

    network: str
    layer: str
    kind: str
    target: str  # what z is, in words
    z: float
    x: Tensor = field(repr=False)
    y: Tensor = field(repr=False)
    weights: Mapping[str, Tensor] = field(repr=False)  # by the layer's own names: weight, bias; none for a pooling
    dx: Tensor | None = field(repr=False)  # None where y does not depend on x, or not smoothly
    dy: Tensor = field(repr=False)
    dw: Mapping[str, Tensor] = field(repr=False)
    layouts: tuple[Layout | None, Layout | None] = field(default=(None, None), repr=False)  # of x and y as maps
    photo: str = ""  # the image's name

    def sheet(self, channels: int | Sequence[int] = 6) -> Sheet:
        """The values x, w and y above, their derivatives below.

        - `channels`: how many channels of y to show, or which
        """
        return sheet_of(self, channels)

    def to_dict(self) -> dict[str, Any]:
        """Shape, smallest, largest and mean value and norm of each; the values are in the fields themselves."""
        return {
            "network": self.network,
            "layer": self.layer,
            "kind": self.kind,
            "target": self.target,
            "z": self.z,
            "x": _numbers(self.x),
            "y": _numbers(self.y),
            "weights": {name: _numbers(value) for name, value in self.weights.items()},
            "dz/dx": None if self.dx is None else _numbers(self.dx),
            "dz/dy": _numbers(self.dy),
            "dz/dw": {name: _numbers(value) for name, value in self.dw.items()},
        }


@instrument
def anatomy(network: Network, images: Images, layer: LayerName, *, target: UnitName | None = None) -> Anatomy:
    """A layer's input x, weights w and output y for an image, and the derivatives dz/dx, dz/dw and dz/dy of a score z.

    - `layer`: a module of the network, such as a convolution, a pooling or a ReLU.
    - `target`: what z is: an address such as 'logits:goose' or 'blocks.3:5' (the sum of its values); if not given, the
      score of the best class

    If the network calls the layer several times, the name means one call ('relu', 'relu_1'), and dz/dw is the part of
    this call. Raises LookupError for a layer that does not exist or is not a module, ValueError for more than one image
    and for a z that does not depend on the layer.
    """
    x = network.inputs(images)
    if len(x) != 1:
        raise ValueError(f"the anatomy of a layer is shown on one image, not {len(x)}; give one photo or images[:1]")
    size = (int(x.shape[-2]), int(x.shape[-1]))
    source_layer = network.layer(layer, size)
    with torch.inference_mode(False), torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        call, z, name = _recorded_call(network, x, source_layer.name, target)
        if call.module is None or call.value is None:
            raise LookupError(_function(network, source_layer.name, size))
        (dy,) = torch.autograd.grad(z, call.edge, allow_unused=True) if call.edge and z.requires_grad else (None,)
        if dy is None:
            raise ValueError(
                f"z = {name} does not depend on {layer}, so that no derivative by it exists; choose a target that "
                f"{layer} leads to"
            )
        weights = {key: value.detach().clone() for key, value in call.module.named_parameters()}
        with evaluating(network.module):
            dx, dw = _transposed(call, weights, dy)
    before = [one for one in network.survey(size).layers if one.layout and one.shape == tuple(call.input.shape[1:])]
    return Anatomy(
        network=network.name,
        layer=source_layer.name,
        kind=type(call.module).__name__,
        target=name,
        z=float(z.detach()),
        x=call.input,
        y=call.value,
        weights=weights,
        dx=dx,
        dy=dy.detach(),
        dw=dw,
        layouts=(before[0].layout if before else None, source_layer.layout),
        photo=photo_of(network, images)[0].name,
    )


def _recorded_call(network: Network, x: Tensor, layer: str, target: str | None) -> tuple[Call, Tensor, str]:
    """The layer's call, z, and what z is in words."""
    call, values = network.call_of(x, layer, target or "logits")
    value = main_tensor(values[target or "logits"])
    if target is not None:
        assert value is not None
        address = Address.parse(target)
        one = value.numel() == 1
        named = address.layer in OUTPUTS and isinstance(address.channel, int) and address.channel < len(network.labels)
        label = f" ({network.labels[address.channel]})" if named and isinstance(address.channel, int) else ""
        return call, value.sum(), f"{target}{label}" if one else f"the sum of {target}"
    if value is None or value.ndim != 2:
        raise ValueError(f"{network.name} gives no score for each class, so say what z is: target='layer:channel'")
    best = int(value.argmax())
    label = network.labels[best] if best < len(network.labels) else f"class {best}"
    return call, value[0, best], f"logits:{best} ({label})"


def _function(network: Network, name: str, size: tuple[int, int]) -> str:
    """What to say of a layer that is no module: which values modules of that name, or near it, compute."""
    names = [layer.name for layer in network.layers(size) if layer.module]
    stem = re.sub(r"_\d+$", "", name)
    same = [other for other in names if re.sub(r"_\d+$", "", other) == stem]
    above = name.rpartition(".")[0]
    inside = [other for other in names if above and other.startswith(f"{above}.")]
    if same:
        around = f"; the module of that name computes {', '.join(same[:3])}"
    else:
        around = near(name, names) or (f"; beside it: {', '.join(inside[:3])}" if inside else "")
    return f"{name!r} of {network.name} is a function, and anatomy opens modules, which hold weights{around}"


def _transposed(call: Call, weights: Mapping[str, Tensor], dy: Tensor) -> tuple[Tensor | None, dict[str, Tensor]]:
    """dz/dx and dz/dw: the layer run alone on copies, and its vector-Jacobian products with dz/dy."""
    assert call.module is not None
    x = call.input.clone().requires_grad_(call.input.is_floating_point())
    free = {name: value.clone().requires_grad_(value.is_floating_point()) for name, value in weights.items()}
    copy = x.clone()  # a layer that works in place works on this

    def put(part: Any) -> Any:
        return copy if part is call.input else part.clone() if isinstance(part, Tensor) else part

    args = tuple(put(part) for part in call.args)
    kwargs = {name: put(part) for name, part in call.kwargs.items()}
    out = main_tensor(functional_call(call.module, free, args, kwargs))
    inputs = [value for value in (x, *free.values()) if value.requires_grad]
    if out is None or not out.requires_grad:
        return None, {}
    grads = dict(zip(map(id, inputs), torch.autograd.grad(out, inputs, dy, allow_unused=True), strict=True))
    dw = {name: grad for name, value in free.items() if (grad := grads.get(id(value))) is not None}
    return grads.get(id(x)), dw


def _numbers(value: Tensor) -> dict[str, Any]:
    numbers = value.double()
    return {
        "shape": list(value.shape),
        "smallest": float(numbers.min()),
        "largest": float(numbers.max()),
        "mean": float(numbers.mean()),
        "norm": float(numbers.norm()),
    }
