"""The network drawn: its layers in order, with what each computes, sees, holds and costs.

A network computes hundreds of values; a drawing shows 12 to 40 of them. We start from what the network's own forward
calls and open plain `Sequential`s, and, where that leaves fewer than 12 rows, the costliest other modules, always all
of one kind and depth together, as long as 40 rows hold them. Left out are modules that pass on what they get
(`Identity`; `Dropout` when the network answers) and functions that only arrange values anew (`flatten`, `reshape`).
`network.layers()` has them all.

Operations are those of one image, a multiply-add counted as two; a parameter counts in the first row that holds it, so
that the rows of a network that shares weights add up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from ...instrument import Result, instrument
from ...network import Extent, Field, Network
from .picture import Sheet, sheet_of
from .tree import group, open_to, opened, tree, visible


@dataclass(frozen=True)
class Row:
    """One layer as drawn."""

    name: str
    kind: str  # class of the module, or name of the function
    shape: tuple[int, ...]  # of what it computes, without the batch
    field: Field | Extent  # receptive field of its units, in pixels of the network's input
    parameters: int  # of this layer, those of an earlier row left out
    operations: int  # multiply-adds count as two
    depth: int  # modules around it
    group: str  # 'stem', 'convolution', 'attention', 'pooling', 'linear' or 'other'
    maps: tuple[int, int, int]  # (channels, rows, columns), as the drawing has it

    @property
    def stride(self) -> tuple[int, int] | None:
        """Pixels of the input between neighbouring units, (vertically, horizontally), where that is regular."""
        return (self.field.height.stride, self.field.width.stride) if isinstance(self.field, Field) else None


@dataclass(frozen=True, eq=False)
class Architecture(Result):
    """A network's layers in order, and its totals."""

    network: str
    input: tuple[int, int, int]  # channels, height, width
    rows: tuple[Row, ...]
    parameters: int  # of the whole network
    operations: int  # for one image
    values: int  # how many values the network computes, as network.layers() lists them
    loose: tuple[str, ...] = field(default=())  # parameters that belong to no row

    def sheet(self, style: str = "volumes") -> Sheet:
        """The layers as boxes or as a table.

        - `style`: how layers are shown: volumes (a box for each) or table (a row for each)
        """
        return sheet_of(self, style)

    def to_dict(self) -> dict[str, Any]:
        """The numbers as JSON-able values; `field` is (height, width) in pixels, or a phrase where there is none."""
        return {
            "network": self.network,
            "input": list(self.input),
            "parameters": self.parameters,
            "operations": self.operations,
            "values": self.values,
            "loose_parameters": {"names": list(self.loose), "count": self.parameters - self._parameters_of_rows},
            "rows": [_as_dict(row) for row in self.rows],
        }

    @property
    def _parameters_of_rows(self) -> int:
        return sum(row.parameters for row in self.rows)


@instrument
def draw(network: Network, *, size: int | None = None, depth: int | None = None) -> Architecture:
    """A drawing of the network: its layers in order, with shapes, receptive fields, parameters and operations.

    - `size`: height and width of the input in pixels; if not given, the size of the network's preprocessing
    - `depth`: how many levels of modules to open, 1 for those that the network itself calls; 12 to 40 layers if not
      given

    Raises ValueError if the network does not run at that size, or if `depth` is below 1.
    """
    if depth is not None and depth < 1:
        raise ValueError(f"depth is how many modules deep to look, 1 or more, not {depth}")
    survey = network.survey(size)
    modules = dict(network.module.named_modules())
    root = tree(survey.layers, modules)
    open_nodes = open_to(root, depth) if depth is not None else opened(root)
    counted: set[int] = set()
    rows: list[Row] = []
    for node in visible(open_nodes, math.prod((network.channels or 3, *survey.size))) or [root]:
        layer, module = node.layer, node.module
        fresh = [p for p in module.parameters() if id(p) not in counted] if module is not None else []
        counted |= {id(p) for p in fresh}
        first = all(row.parameters == 0 for row in rows)
        rows.append(
            Row(
                name=layer.name,
                kind=layer.kind,
                shape=layer.shape,
                field=layer.field,
                parameters=sum(p.numel() for p in {id(p): p for p in fresh}.values()),
                operations=layer.operations,
                depth=layer.depth,
                group=group(node, first),
                maps=layer.maps_shape,
            )
        )
    return Architecture(
        network=network.name,
        input=(network.channels or 3, *survey.size),
        rows=tuple(rows),
        parameters=sum(p.numel() for p in network.module.parameters()),
        operations=root.layer.operations,
        values=len(survey.layers),
        loose=tuple(name for name, p in network.module.named_parameters() if id(p) not in counted),
    )


def _as_dict(row: Row) -> dict[str, Any]:
    window = row.field
    return {
        "name": row.name,
        "kind": row.kind,
        "shape": list(row.shape),
        "field": [window.height.size, window.width.size] if isinstance(window, Field) else str(window),
        "stride": None if row.stride is None else list(row.stride),
        "parameters": row.parameters,
        "operations": row.operations,
        "depth": row.depth,
        "group": row.group,
    }
