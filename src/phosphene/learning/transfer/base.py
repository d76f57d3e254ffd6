"""The network that a transfer began with: how a card names it, and how it is built again for the weights beside.

The folder holds all weights, so that the base is named without its own wherever only its architecture matters:
`torchvision:resnet18@none` needs no download. A network that Python code built can't be named; one that was opened by
`my_module:build` is named, but no file decides which code runs: both are given again, as `architecture=`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...network import Network, load
from ...network.heads import noise
from ...network.opening.embedded import NAME as EMBEDDED
from ...network.opening.from_file import blueprint, looks_like_file
from ...network.opening.loading import runs_code
from ...network.opening.reopening import check_opening
from ..checkpoints.card import CARD, read_card
from .features import scores
from .head import with_head


def openings(network: Network) -> Iterator[dict[str, Any]]:
    """Ways to open the network, or its like with other weights, by name: those without weights first."""
    if not network.opening:
        return
    opening = {name: value for name, value in network.opening.items() if name != "head"}
    spec, architecture = str(opening["spec"]), opening.get("architecture")
    if (Path(spec) / CARD).is_file():  # another transfer: its own base
        base = read_card(Path(spec)).config.get("base")
        if base:
            yield dict(base)
    elif looks_like_file(spec):
        yield from _without_weights(architecture)
    elif architecture is None:
        yield from _without_weights("timm:tf_efficientnet_lite0" if spec == EMBEDDED else spec)
    yield {**opening, "spec": _whole_path(spec)}


def _without_weights(spec: Any) -> Iterator[dict[str, Any]]:
    if isinstance(spec, str) and spec.startswith(("torchvision:", "timm:")):
        yield {"spec": f"{spec.partition('@')[0]}@none"}
    elif isinstance(spec, str):
        yield {"spec": spec}


def _whole_path(spec: str) -> str:
    """A file or a folder by its whole path, so that it is found from everywhere."""
    path = Path(spec).expanduser()
    return str(path.resolve()) if path.exists() else spec


def opened_base(base: Mapping[str, Any] | None, architecture: Any = None) -> Network:
    """The base network, by the card's name for it, or the one that the caller gives.

    ValueError, with what to do, where the card names none, or code.
    """
    if architecture is not None:
        if isinstance(architecture, Network):
            return architecture
        if isinstance(architecture, nn.Module):
            return Network(architecture)
        if isinstance(architecture, str):
            return load(_unweighted(architecture))
        plan = blueprint(architecture)
        module = plan.build(None)
        return Network(module, plan.preprocessing(module))
    how = "ph.load(FOLDER, architecture=network) with the network or the module that it began with"
    if not base:
        raise ValueError(
            f"this network began with one that Python code built, which no file can name; open it by {how}"
        )
    try:
        check_opening(base)
    except ValueError as error:
        raise ValueError(f"the card of this network is damaged: {error}") from error
    if code := runs_code(**base):
        raise ValueError(
            f"this network began with what Python code makes, {code!r}, and opening it would run that code; if you "
            f"trust it, say so: ph.load(FOLDER, architecture={code!r}), or --architecture {code}"
        )
    return load(**base)


def name_of_base(network: Network, module: nn.Module, config: Any) -> tuple[dict[str, Any] | None, str]:
    """How a card names the network that `module` was made of: what is opened by it and given these weights answers the
    same, bit for bit. Else None, and why in half a sentence.
    """
    x = noise((network.channels or 3, *network.preprocessing.size)).to(next(module.parameters()).dtype)
    with torch.no_grad():
        expected = scores(module, x)
    refusal = "it was built in Python"
    for base in openings(network):
        try:
            again = with_head(load(**base), config.score_layer, len(config.classes))
            again.load_state_dict(module.state_dict())
            with torch.no_grad():
                if torch.equal(scores(again.eval(), x), expected):
                    return base, ""
            refusal = "what opens by its name answers otherwise"
        except (ValueError, LookupError, OSError, RuntimeError, TypeError, AttributeError) as error:
            refusal = str(error).splitlines()[0]
    return None, f"the network that it began with has no name that opens it again ({refusal})"


def _unweighted(spec: str) -> str:
    """torchvision's and timm's networks without their weights, which are in the folder."""
    return f"{spec}@none" if spec.startswith(("torchvision:", "timm:")) and "@" not in spec else spec
