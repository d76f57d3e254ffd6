"""Which layers to take where none is named: one for each size that the maps of a network have, from large to small.

A network that keeps one size, such as a transformer, gives layers evenly over its depth instead.
"""

from __future__ import annotations

from collections.abc import Sequence

from ....network import Network
from ....network.survey import Layer
from ..objectives import Size

FEWEST = 4  # sizes; below, layers are spread over the depth


def last_of_each_size(network: Network, size: Size) -> list[str]:
    """The last value of each size of maps, then the last vector before the answer, then the scores of the classes.

    Of the modules' values the outermost counts: a block's rather than that of the last layer in it.
    """
    layers = [layer for layer in network.layers(size) if layer.module]
    names = [_outermost(group)[-1].name for group in _by_size(layers)]
    if len(names) < FEWEST:
        names = _spread(layers)
    answer = layers[-1]
    vectors = [layer for layer in layers[:-1] if _is_vector(layer) and layer.shape != answer.shape]
    names += [_outermost(vectors)[-1].name] if vectors else []
    return [*names, "logits"] if _is_vector(answer) else names


def first_of_each_size(network: Network, size: Size) -> list[str]:
    """The first rectified value of each size of maps, as relu1_1 to relu5_1 of VGG; sizes that have none, such as that
    of a last pooling, are left out. Where nothing at all is rectified, the first of a module.
    """
    layers = network.layers(size)
    groups = _by_size(layers)
    if len(groups) < FEWEST:
        return _spread([layer for layer in layers if layer.module])
    rectified = [candidates for group in groups if (candidates := _rectified(group))]
    return [candidates[0].name for candidates in rectified or [_modules(group) or group for group in groups]]


def second_of_last_but_one_size(network: Network, size: Size) -> str | None:
    """The second rectified value at the last but one size of maps, as relu4_2 of VGG; None where there is none."""
    groups = _by_size(network.layers(size))
    names = [rectified for group in groups if (rectified := _rectified(group))]
    return names[-2][1].name if len(names) >= FEWEST and len(names[-2]) > 1 else None


def _by_size(layers: Sequence[Layer]) -> list[list[Layer]]:
    """The layers with maps of more than one place, by their size, from the largest; the image's own size included."""
    groups: dict[tuple[int, ...], list[Layer]] = {}
    for layer in layers:
        grid = layer.maps_shape[1:]
        if layer.layout is not None and min(grid) > 1 and layer.depth > 0:  # at 0 stands the whole network
            groups.setdefault(grid, []).append(layer)
    order = sorted(groups, key=lambda grid: -grid[0] * grid[1])
    sizes = [groups[grid] for grid in order]
    return [group for group in sizes if any(layer.parameters for layer in group)]  # pooling alone computes nothing new


def _outermost(layers: Sequence[Layer]) -> list[Layer]:
    """Those with the fewest modules around them; a whole network's output is no layer of it."""
    inside = [layer for layer in layers if layer.depth > 0]
    least = min((layer.depth for layer in inside), default=0)
    return [layer for layer in inside if layer.depth == least] or list(layers)


def _rectified(layers: Sequence[Layer]) -> list[Layer]:
    return [layer for layer in layers if any(word in layer.kind.lower() for word in ("relu", "silu", "gelu", "swish"))]


def _modules(layers: Sequence[Layer]) -> list[Layer]:
    return [layer for layer in layers if layer.module]


def _spread(layers: Sequence[Layer]) -> list[str]:
    """FEWEST layers with maps, evenly over the depth, of the outermost modules that are as many."""
    mapped = [
        layer for layer in layers if layer.layout is not None and min(layer.maps_shape[1:]) > 1 and layer.parameters
    ]
    depths = sorted({layer.depth for layer in mapped})
    level = next(
        (same for depth in depths if len(same := [each for each in mapped if each.depth == depth]) >= FEWEST), mapped
    )
    count = min(FEWEST, len(level))
    return list(dict.fromkeys(level[((index + 1) * len(level)) // count - 1].name for index in range(count)))


def _is_vector(layer: Layer) -> bool:
    return layer.module and layer.maps_shape[1:] == (1, 1) and (layer.layout is not None or len(layer.shape) == 1)
