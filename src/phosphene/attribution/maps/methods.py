"""The methods that answer one question, why a network says what it says, under one name each.

Each takes a network, images and a target and gives an `Attribution`. Options are written after the name:
'occlusion:window=48,stride=24', 'lrp:rule=gamma'.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any

from ...instrument import INSTRUMENTS
from ...instrument.roles import Target
from ...network import Network, near
from .attribution import Attribution

METHODS: dict[str, str] = {  # instrument -> what it is called on sheets
    "gradient": "gradient",
    "guided": "guided backprop",
    "deconvnet": "deconvnet",
    "occlusion": "occlusion",
    "cam": "class activation map",
    "grad_cam": "Grad-CAM",
    "grad_cam_plus_plus": "Grad-CAM++",
    "x_grad_cam": "XGrad-CAM",
    "layer_cam": "Layer-CAM",
    "score_cam": "Score-CAM",
    "guided_grad_cam": "guided Grad-CAM",
    "input_x_gradient": "input × gradient",
    "integrated_gradients": "integrated gradients",
    "smooth_grad": "SmoothGrad",
    "var_grad": "VarGrad",
    "rise": "RISE",
    "lrp": "relevance",
}


@dataclass(frozen=True)
class Method:
    """A method with its options, as the text `spec` names it."""

    spec: str
    name: str
    options: dict[str, Any] = field(default_factory=dict)

    def __call__(self, network: Network, images: Any, target: Target = None) -> Attribution:
        return INSTRUMENTS[self.name](network, images, target, **self.options)

    def __str__(self) -> str:
        options = ", ".join(f"{key} {value}" for key, value in self.options.items())
        return f"{METHODS[self.name]} ({options})" if options else METHODS[self.name]


def method(spec: str) -> Method:
    """The method that a text such as 'grad_cam' or 'occlusion:window=48' names.

    Raises LookupError for a method or option that is not there, ValueError for an option without a value.
    """
    name, _, option_text = spec.partition(":")
    name = name.strip().replace("-", "_")
    if name not in METHODS:
        raise LookupError(f"there is no method {name!r}{near(name, METHODS)}; the methods are {', '.join(METHODS)}")
    option_names = [
        key for key in inspect.signature(INSTRUMENTS[name]).parameters if key not in ("network", "images", "target")
    ]
    options: dict[str, Any] = {}
    for part in filter(None, option_text.split(",")):
        key, equals, value = part.partition("=")
        key = key.strip().replace("-", "_")
        if key not in option_names:
            listed = f"it takes {', '.join(option_names)}" if option_names else "it takes none"
            raise LookupError(f"{name} has no option {key!r}{near(key, option_names) or '; ' + listed}")
        if not equals or not value.strip():
            raise ValueError(f"option {key} of {name} has no value; write {name}:{key}=VALUE")
        options[key] = _value(value.strip())
    return Method(spec, name, options)


def _value(text: str) -> Any:
    """A number where it is one, else the text; 48x16 is a pair."""
    for kind in (int, float, _pair):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _pair(text: str) -> tuple[int, int]:
    first, second = text.split("x")
    return int(first), int(second)
