"""What a report says, section by section, computed by the instruments; the template sets it.

Each function takes the network, the photo and the layers chosen, and returns plain values with pictures that are ready
to stand in the page.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from ..attribution import why
from ..attribution.maps.overlay_rows import laid
from ..input_photo import input_box, seen
from ..inspection import Filters, activations, draw, filters, strongest
from ..inspection.activations import WIDTH
from ..instrument.recipe import Recipe, recipe
from ..network import Box, Guess, Network, NoScoresError
from ..picture import Photo, Range, apply_range, compact, ends, overlay, ranges_caption
from .choose import Chosen, deeper_convolution
from .figures import PageImage, body, compressed, crisp, gradient, tiles

ROWS = 4  # rows of maps that are shown of a layer
KERNELS = 96  # kernels of a deeper layer that are shown, of one plane each; fewer if they have more
UNITS = 6
LONGEST = 1100  # pixels of the photo's longer side
CLASSES = 2  # of which the report says why
METHODS = ("cam", "grad_cam", "occlusion:window=64,stride=32", "guided", "lrp")
VIEW = 420  # pixels of the longer side of the photo behind a unit


@dataclass(frozen=True)
class Figure:
    """A picture in the page, with its caption and how it was made."""

    body: Markup
    caption: str
    made: Recipe
    note: str = ""


@dataclass(frozen=True)
class Maps:
    """One chosen layer with a figure of its activation maps."""

    chosen: Chosen
    figure: Figure


@dataclass(frozen=True)
class Card:
    """A unit on the photo: its map laid over it, where it sees (in percent of the picture), and that patch."""

    channel: int
    row: int
    column: int
    value: str
    over: PageImage
    box: tuple[float, float, float, float] | None  # left, top, width, height
    patch: PageImage | None  # None where it is not known, or all that the network sees
    sees: str


@dataclass(frozen=True)
class Units:
    """The strongest units of one chosen layer."""

    chosen: Chosen
    cards: tuple[Card, ...]
    caption: str
    made: Recipe
    low: str
    high: str
    gradient: str


@dataclass(frozen=True)
class View:
    """One method's map over the photo, and its range in words."""

    name: str
    over: PageImage
    range: str


@dataclass(frozen=True)
class Reason:
    """A class with its score, and what the methods show for it."""

    name: str
    score: str
    answer: str  # how the class stands among all
    views: tuple[View, ...]


@dataclass(frozen=True)
class Reasons:
    """Why the best classes got their scores, by several methods."""

    reasons: tuple[Reason, ...]
    caption: str
    notes: tuple[str, ...]
    made: Recipe
    gradients: tuple[str, str]  # of signed maps, and of magnitudes


def header(network: Network, photo: Photo) -> dict[str, Any]:
    """The photo with the part that the network sees, and the network's input as it comes out of the preprocessing."""
    frame = network.frame(photo)
    image = network.denormalise(network.prepare(photo))[0].float().clamp(0, 1)
    pixels = (image.permute(1, 2, 0).cpu().numpy() * 255 + 0.5).astype(np.uint8)
    whole = frame.seen.round() == Box(0, 0, photo.width, photo.height)
    return {
        "photo": compressed(photo.pixels, LONGEST),
        "seen": None if whole else _percent(frame.seen, Box(0, 0, photo.width, photo.height)),
        "input": compressed(pixels, 512),
        "size": frame.size,
        "how": network.preprocessing.describe(),
    }


def classes(network: Network, photo: Photo, k: int = 5) -> list[Guess] | None:
    """The best classes; None for a network that does not give one score a class."""
    try:
        guesses = network.classify(photo, k)
    except NoScoresError:
        return None
    return [guess for guess in guesses if isinstance(guess, Guess)]


def reasons(network: Network, photo: Photo, guesses: list[Guess]) -> Reasons | None:
    """Maps of the best classes by methods that take few passes; None where none of them can answer."""
    targets = [f"logits:{guess.index}" for guess in guesses[:CLASSES]]
    try:
        result = why(network, photo, targets, methods=[*METHODS])
    except ValueError:
        return None
    ranges = result.ranges()
    reasons = []
    for at, guess in enumerate(guesses[:CLASSES]):
        views = []
        for name, one, scale in zip(result.names, result.results, ranges, strict=True):
            shares = apply_range(one.maps[at].float().cpu().numpy(), scale)
            over = laid(*one.photo(at), shares, one.signed)
            note = "; ".join(part for part in (ends(scale), one.note(at)) if part)
            views.append(View(name, compressed(over, VIEW), note))
        reasons.append(Reason(guess.label, compact(guess.score), str(result.answers[at] or ""), tuple(views)))
    caption = f"A method has one range for all classes; {ranges_caption(tuple(ranges))}."
    notes = tuple(f"Without {name}: {note.rstrip('.')}." for name, note in result.refused.items())
    return Reasons(
        tuple(reasons), caption, notes, recipe(result.made),
        (gradient("diverging"), gradient("sequential")),
    )  # fmt: skip


def architecture(network: Network) -> dict[str, Any]:
    """The network drawn, its rows for the table, and the totals."""
    result = draw(network)
    sheet = result.sheet()
    figure = body(sheet, f"The network drawn: {sheet.description}")
    return {
        "figure": Figure(figure, sheet.description, recipe(result.made)),
        "rows": result.rows,
        "parameters": result.parameters,
        "operations": result.operations,
        "values": result.values,
        "input": result.input,
    }


def kernels(network: Network) -> tuple[list[Figure], str]:
    """The first convolution's filters and a deeper one's, and a sentence about what can't be shown."""
    try:
        first = filters(network)
    except ValueError as error:  # no convolution anywhere
        return [], f"{_sentence(str(error))}."
    figures = [_kernels(network, first)]
    deeper = deeper_convolution(network)
    if deeper is not None:
        return [*figures, _kernels(network, filters(network, deeper))], ""
    if any("attention" in type(part).__name__.lower() for part in network.module.modules()):
        return figures, (
            f"This network is a transformer: {first.layer}, which turns patches into tokens, is its only convolution "
            "with a pattern in space. Its other layers compare and mix tokens and have no filters to draw."
        )
    return figures, f"{first.layer} is the only convolution with a pattern in space, so no deeper filters are drawn."


def _kernels(network: Network, result: Filters) -> Figure:
    count, planes, height, width = result.weights.shape
    kernels_shown = count if result.in_colour else max(1, min(count, KERNELS if planes == 1 else 12))
    part = dataclasses.replace(
        result, weights=result.weights[:kernels_shown, : planes if result.in_colour else 32], groups=1
    )
    options: dict[str, Any] = {} if result.in_colour or planes > 1 else {"columns": 24}
    sheet = part.sheet(**options)
    which = f"the first {kernels_shown} of {count}" if kernels_shown < count else f"all {count}"
    cut = ", the first 32 planes of each" if not result.in_colour and planes > 32 else ""
    kind = "in colour" if result.in_colour else "in grey, zero at mid-grey"
    many = f" × {planes} planes" if planes > 1 and not result.in_colour else ""
    caption = f"{result.layer}: {which} filters of {height} × {width} px{many}{cut}, {kind}."
    caption += f" {_sentence(ranges_caption(tuple(sheet.ranges)))}."
    label = f"Filters of {result.layer}: {which}, {height} by {width}"
    return Figure(tiles(sheet, label), caption, recipe(result.made, **options), result.note)


def maps(network: Network, photo: Photo, choice: Chosen) -> Maps:
    """The maps of the layer's channels with the largest activations."""
    name = choice.layer.name
    result = activations(network, photo, name)
    count, rows, columns = result.values.shape[1:]
    options: dict[str, Any] = {"order": "strongest", "columns": _columns(columns)}
    sheet = result.sheet(**options)
    channels_shown = min(ROWS * options["columns"], count)
    which = (
        f"the {channels_shown} of {count} channels with the largest activations"
        if channels_shown < count
        else f"all {count} channels"
    )
    caption = f"{which}, maps of {rows} × {columns}, each with its channel's number; black is a map's lowest value and "
    caption += "white its highest."
    ranges = tuple(sheet.ranges) if len(sheet.ranges) == 1 else tuple(sheet.ranges[:channels_shown])
    caption = f"{_sentence(caption)} {_sentence(ranges_caption(ranges))}."
    figure = tiles(sheet, f"Activation maps of {name}: {which}", channels_shown)
    return Maps(choice, Figure(figure, caption, recipe(result.made, **options)))


def _columns(wide: int) -> int:
    """How many maps, drawn in whole multiples of their pixels, fill the width best."""
    return max(range(9, 15), key=lambda columns: columns * (max(1, (WIDTH // columns - 12) // wide) * wide + 6))


def units(network: Network, photo: Photo, choice: Chosen) -> Units:
    """The layer's strongest units on the photo."""
    name = choice.layer.name
    result = strongest(network, photo, name, k=UNITS)
    limits: Range = result.sheet().ranges[0]
    view, frame = seen(result.photo, result.frame)
    view_box = frame.seen.round()
    values = apply_range(result.maps, limits)
    cards = []
    for unit, map01 in zip(result.units, values, strict=True):
        over = overlay(view.pixels, map01, "sequential", 0.85 * np.nan_to_num(map01), box=input_box(view, frame))
        box = patch = None
        sees = "what it sees is not known"
        if unit.box is not None and unit.box.empty:
            sees = "sees nothing but padding"
        elif unit.box is not None:
            whole = unit.box
            cut = result.photo.crop((int(whole.left), int(whole.top), int(whole.right), int(whole.bottom)))
            patch = compressed(cut.pixels, VIEW) if max(cut.pixels.shape[:2]) > 64 else crisp(cut.pixels)
            inside = unit.box.within(view_box)
            box = _percent(inside, view_box)
            everything = inside == view_box
            sees = "sees all of it" if everything else f"sees {int(whole.width)} × {int(whole.height)} px of the photo"
            patch = None if everything else patch
        at = (unit.channel, unit.row, unit.column, compact(unit.value))
        cards.append(Card(*at, compressed(over, VIEW), box, patch, sees))
    rows, columns = result.maps.shape[1:]
    caption = f"Activation of a channel over the part of the photo that the network sees; {limits.caption()}."
    caption += f" Maps of {rows} × {columns} places; receptive field {choice.layer.field}, in pixels of the input."
    how = recipe(result.made)
    return Units(choice, tuple(cards), caption, how, compact(limits.low), compact(limits.high), gradient("sequential"))


def _percent(box: Box, view_box: Box) -> tuple[float, float, float, float]:
    """Left, top, width and height of the box in percent of the place it lies in."""
    across, down = 100 / view_box.width, 100 / view_box.height
    edges = (
        (box.left - view_box.left) * across,
        (box.top - view_box.top) * down,
        box.width * across,
        box.height * down,
    )
    left, top, width, height = (round(edge, 3) for edge in edges)
    return left, top, width, height


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
