"""Values as brightness, with the range always said.

A picture of numbers is a map from [low, high] to [0, 1]: v -> (v - low) / (high - low), clipped. What low and high are
is the rule:

    minmax           the smallest and the largest value
    symmetric        -m to m with m the largest magnitude, so that zero lies at exactly 0.5
    symmetric:b      the same with m the b-th percentile of the magnitudes
    percentile:a:b   the a-th and b-th percentile (1 and 99 where not said)
    unit             0 to 1
    low:high         a fixed range, as '-1:1' or as two numbers

The rule is applied to the whole picture or to every tile by itself. The `Range` that comes back belongs in the
caption: without it, values of ±1e−6 can't be told from values of ±1. Values that are NaN or infinite stay NaN, so that
they can be drawn in a colour of their own, and are counted.

Where low equals high, values below it become 0, values above it 1, and the value itself 0.5. If this value is zero and
nothing lies below it, it becomes 0, unless the rule has zero in the middle: nothing is drawn as the least, not as half
of the most.
"""

import difflib
import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from .numbers import pair

Rule = str | tuple[float, float]
WORDS = {"minmax": "min–max", "symmetric": "symmetric about zero", "unit": "clipped to 0 to 1"}


@dataclass(frozen=True)
class Range:
    """The values that are mapped to 0 and 1, the rule that chose them, and how many values are NaN or infinite.

    `rule` is in its full form ('percentile:1:99', '-1:1') and can be given to `map_range` again. `low` and `high` are
    NaN if there is no finite value.
    """

    low: float
    high: float
    rule: str = "minmax"
    missing: int = 0

    def caption(self) -> str:
        """'range −0.52 to 1.30 (min–max)', or 'range ±1.2e−6 (symmetric about zero)'."""
        lost = f"{self.missing} {'value' if self.missing == 1 else 'values'} missing" if self.missing else ""
        if math.isnan(self.low):
            return f"no finite value ({lost})" if lost else "no values"
        inside = "; ".join(part for part in (words(self.rule), lost) if part)
        low, high = pair(self.low, self.high)
        if self.low == self.high:
            return (
                f"every value {low} ({inside})" if self.rule in ("minmax", "symmetric") else f"range {low} ({inside})"
            )
        if self.low == -self.high:
            return f"range ±{high} ({inside})"
        return f"range {low} to {high} ({inside})"

    def as_dict(self) -> dict[str, Any]:
        """The range as plain JSON; an unknown end is None."""
        low, high = (None if math.isnan(end) else end for end in (self.low, self.high))
        return {"low": low, "high": high, "rule": self.rule, "missing": self.missing}


@dataclass(frozen=True, eq=False)
class Mapped:
    """Values in [0, 1] as float32, in their own shape, with NaN where they were not finite, and the ranges they show:
    one for the picture, or one a tile."""

    values01: np.ndarray = field(repr=False)
    ranges: tuple[Range, ...]

    def caption(self) -> str:
        return ranges_caption(self.ranges)


def map_range(values: Any, rule: Rule = "minmax", per: Literal["picture", "tile"] = "picture") -> Mapped:
    """The values mapped to [0, 1] by the rule.

    `values` is an array or tensor (K, h, w) or (K, h, w, 3); one tile (h, w) counts as K = 1. The mapping is computed
    in float64 and rounded once, to float32.
    """
    array = as_float64(values)
    full = rule_name(rule)
    if per not in ("picture", "tile"):
        raise ValueError(f"a range is taken per 'picture' or per 'tile', not per {per!r}.")
    if array.ndim not in (2, 3, 4):
        raise ValueError(
            f"values of shape {array.shape} are not tiles; give (count, height, width), (count, height, width, 3) "
            "or one tile (height, width)."
        )
    tiles = array[None] if per == "picture" or array.ndim == 2 else array
    mapped = np.empty(tiles.shape, np.float32)
    ranges = []
    for index, tile in enumerate(tiles):
        ranges.append(find_range(tile, full))
        mapped[index] = apply_range(tile, ranges[-1])
    return Mapped(mapped.reshape(array.shape), tuple(ranges))


def find_range(values: np.ndarray, rule: str) -> Range:
    finite = values[np.isfinite(values)]
    missing = values.size - finite.size
    name, *numbers = rule.split(":")
    if name == "unit":
        return Range(0.0, 1.0, rule, missing)
    if name not in ("minmax", "symmetric", "percentile"):
        return Range(float(name), float(numbers[0]), rule, missing)
    if finite.size == 0:
        return Range(math.nan, math.nan, rule, missing)
    if name == "symmetric":
        magnitudes = np.abs(finite)
        most = float(np.percentile(magnitudes, float(numbers[0]), method="nearest") if numbers else magnitudes.max())
        return Range(-most if most else 0.0, most, rule, missing)
    if name == "percentile":
        with np.errstate(over="ignore", invalid="ignore"):
            ends = np.percentile(finite, [float(numbers[0]), float(numbers[1])], method="nearest")
        return Range(float(ends[0]), float(ends[1]), rule, missing)
    return Range(float(finite.min()), float(finite.max()), rule, missing)


def apply_range(values: np.ndarray, limits: Range) -> np.ndarray:
    """The values in [0, 1] as float32 by a range already found; NaN where they are not finite."""
    array = as_float64(values)
    good = np.isfinite(array)
    low, high = limits.low, limits.high
    with np.errstate(all="ignore"):
        if low == high:
            least = low == 0 and not limits.rule.startswith("symmetric") and not (array[good] < 0).any()
            mapped = np.where(array == low, 0.0 if least else 0.5, 0.5 + 0.5 * np.sign(array - low))
        elif math.isinf(high - low):  # ends near the largest double
            mapped = (array / 4 - low / 4) / (high / 4 - low / 4)
        else:
            mapped = (array - low) / (high - low)
    mapped = np.where(good, np.clip(mapped, 0, 1), np.nan)
    return mapped.astype(np.float32)


def rule_name(rule: Rule) -> str:
    """The rule in its full form; ValueError with the near ones if it is none."""
    if isinstance(rule, tuple | list):
        ends = [float(end) for end in rule]
        if len(ends) != 2 or not ends[0] < ends[1] or not all(map(math.isfinite, ends)):
            raise ValueError(f"a fixed range is two numbers, the lower first, not {tuple(rule)}.")
        return f"{ends[0]!r}:{ends[1]!r}"
    if not isinstance(rule, str):
        raise TypeError(f"a range rule is a word such as 'minmax' or two numbers, not {type(rule).__name__}.")
    text = rule.strip().lower().replace("−", "-")
    if text in WORDS:
        return text
    name, *numbers = text.split(":")
    try:
        worded = name in ("percentile", "symmetric")
        ends = [float(number) for number in (numbers or ["1", "99"] if worded else [name, *numbers])]
    except ValueError:
        ends = []
    if name == "symmetric":
        if len(ends) != 1 or not 0 < ends[0] <= 100:
            raise ValueError(
                f"{rule!r} names no percentile of magnitudes; write 'symmetric:99', above 0 and up to 100."
            )
        return f"symmetric:{ends[0]:g}"
    if name == "percentile":
        if len(ends) != 2 or not 0 <= ends[0] < ends[1] <= 100:
            raise ValueError(f"{rule!r} names no percentiles; write 'percentile:1:99', the lower first, 0 to 100.")
        return f"percentile:{ends[0]:g}:{ends[1]:g}"
    if len(ends) == 2:
        return rule_name((ends[0], ends[1]))
    near = difflib.get_close_matches(text, [*WORDS, "percentile"], n=2, cutoff=0.5)
    raise ValueError(
        f"{rule!r} is no range rule"
        + (f"; near it: {', '.join(near)}" if near else "")
        + ". The rules are minmax, symmetric, percentile:1:99, unit, and a fixed range such as -1:1."
    )


def words(rule: str) -> str:
    name, *numbers = rule.split(":")
    if name == "percentile":
        return f"percentiles {numbers[0]} to {numbers[1]}"
    if name == "symmetric" and numbers:
        return f"symmetric about zero, percentile {numbers[0]} of the magnitudes"
    return WORDS.get(rule, "fixed")


def ranges_caption(ranges: tuple[Range, ...]) -> str:
    """One sentence part for any number of ranges; per tile, it says so and gives the narrowest and the widest."""
    distinct = tuple(dict.fromkeys(ranges))
    stated = [limits for limits in distinct if not math.isnan(limits.low)]
    if len(distinct) <= 1 or not stated:
        return distinct[0].caption() if distinct else ""
    missing = sum(limits.missing for limits in ranges)
    if len({(limits.low, limits.high, limits.rule) for limits in distinct}) == 1:
        return Range(stated[0].low, stated[0].high, stated[0].rule, missing).caption()
    by_width = sorted(stated, key=lambda limits: limits.high / 2 - limits.low / 2)
    rules = " and ".join(dict.fromkeys(words(limits.rule) for limits in stated))
    lost = f"; {missing} {'value' if missing == 1 else 'values'} missing" if missing else ""
    return f"each has its own range ({rules}{lost}), from {ends(by_width[0])} to {ends(by_width[-1])}"


def ends(limits: Range) -> str:
    low, high = pair(limits.low, limits.high)
    return f"±{high}" if limits.low == -limits.high and limits.high else f"[{low}, {high}]"


def as_float64(values: Any) -> np.ndarray:
    if hasattr(values, "detach") and hasattr(values, "cpu"):
        values = values.detach().cpu()
        values = values.double().numpy() if hasattr(values, "double") else values
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"values of type {array.dtype} can't be drawn; give real numbers.")
    return array.astype(np.float64, copy=False)
