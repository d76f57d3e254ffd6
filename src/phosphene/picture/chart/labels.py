"""Tick labels: numbers beside their ticks, names of categories wrapped into the room they have."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..drawings.drawing import Mark, Text
from ..drawings.typesetting import fit, text_width, wrap
from .axis import TYPE
from .frame import Frame

LINE = 15.0  # from one line of labels to the next
LINES = 3  # of a category's name at most
BESIDE = 7.0  # from a label to the panel


def upright_labels(frame: Frame, width: float) -> list[Mark]:
    """The labels of the axis up, left of the panel, names wrapped to `width`; what would meet another is left out."""
    marks: list[Mark] = []
    pairs = list(zip(map(frame.y, frame.up.ticks), frame.up.labels, strict=True))
    most = max(1, int((frame.bottom - frame.top) / max(1, len(pairs)) / (TYPE + 1)))  # lines of a category's name
    free = -math.inf  # from here down nothing is written yet
    for y, label in sorted(pairs):
        lines = shortened(label, width, most) if frame.lying else [label]
        first = y + TYPE * 0.35 - (TYPE + 1) * (len(lines) - 1) / 2
        if first - TYPE * 0.8 < free:
            continue
        for line, words in enumerate(lines):
            if words:
                ink = "ink" if frame.lying else "muted"
                at = first + (TYPE + 1) * line
                marks.append(Text(frame.left - BESIDE, at, words, TYPE, anchor="end", colour=ink, mono=True))
        free = first + (TYPE + 1) * (len(lines) - 1) + 1
    return marks


def level_labels(frame: Frame, down: float, width: float, names: bool) -> list[Mark]:
    """The labels of the axis across, `down` pixels and a bit below the panel; no two meet, none leaves the drawing."""
    marks: list[Mark] = []
    top = frame.bottom + down + 5 + TYPE * 0.85
    if names:
        every, _ = name_room(frame.across.labels, frame.right - frame.left)
        room = (frame.right - frame.left) * every / max(1, len(frame.across.labels)) - 6
        for tick, name in list(zip(frame.across.ticks, frame.across.labels, strict=True))[::every]:
            for line, words in enumerate(shortened(name, room, LINES)):
                marks.append(Text(frame.x(tick), top + LINE * line, words, TYPE, anchor="middle"))
        return marks
    free = 0.0
    for tick, label in zip(frame.across.ticks, frame.across.labels, strict=True):
        half = text_width(label, TYPE) / 2
        x = min(max(frame.x(tick), half), width - half)
        if x - half >= free:
            marks.append(Text(x, top, label, TYPE, anchor="middle", colour="muted", mono=True))
            free = x + half + 4
    return marks


def name_room(names: Sequence[str], room: float) -> tuple[int, int]:
    """Which names of an axis across are written, every first or second or …, so that words stay whole; their lines."""
    count = len(names)
    for every in range(1, max(1, count) + 1):
        width = room * every / max(1, count) - 6
        if width <= 0:
            continue
        every_nth = names[::every]
        longest = max((text_width(word, TYPE) for name in every_nth for word in name.split()), default=0)
        lines = max((len(wrap(name, TYPE, width)) for name in every_nth), default=1)
        if (longest <= width and lines <= LINES) or width > 90:
            return every, min(LINES, lines)
    return max(1, count), 1


def shortened(text: str, width: float, most: int) -> list[str]:
    """The text in lines no wider than `width`, at most so many, with an ellipsis where some is left."""
    lines = wrap(text, TYPE, width)
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], fit(" ".join(lines[most - 1 :]), TYPE, width)]
