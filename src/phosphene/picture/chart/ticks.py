"""Where an axis has its ticks, and how their numbers are written.

Steps are 1, 2 or 5 times a power of ten, so that 0 is a tick wherever it lies in the range. On a logarithmic axis ticks
are powers of ten, and over at most two of them 1, 2 and 5 times each.
"""

import math
from itertools import pairwise

from ..numbers import MINUS, compact, fixed

FACTORS = (1, 2, 5)
LIMIT = 1e290  # ends beyond are moved here, so that no range overflows
FINEST = 1e-9  # of the larger end: a shorter range has no ticks that can be told apart


def sound(low: float, high: float) -> tuple[float, float]:
    """Two ends that ticks can stand between: finite, in order, and apart.

    0 and 1 where none is finite; around a single value, half of it to either side.
    """
    ends = [min(max(end, -LIMIT), LIMIT) for end in (low, high) if math.isfinite(end)]
    if not ends:
        return 0.0, 1.0
    low, high = min(ends), max(ends)
    largest = max(abs(low), abs(high))
    if largest < 1 / LIMIT:
        return 0.0, 1.0
    if high - low > FINEST * largest:
        return low, high
    return (low - largest / 2, high + largest / 2)


def round_ticks(low: float, high: float, most: int = 5, whole: bool = False) -> list[float]:
    """Round numbers from at most `low` to at least `high`, about `most` of them; `whole` ones if asked."""
    low, high = sound(low, high)
    rough = high / max(1, most - 1) - low / max(1, most - 1)
    if whole:
        rough = max(rough, 1.0)
    power = math.floor(math.log10(rough))
    factor = next((factor for factor in FACTORS if _times(factor, power) >= 0.8 * rough), 10)
    size = _times(factor, power)
    start, stop = low / size, high / size
    slack = max(1e-9 * (stop - start), 4e-16 * max(abs(start), abs(stop)))  # an end this near to a tick is at it
    first, last = math.floor(start + slack), math.ceil(stop - slack)
    return [_times(index * factor, power) for index in range(first, last + 1)]


def log_ends(low: float, high: float) -> tuple[float, float]:
    """Ends for a logarithmic axis: `low` and `high` moved out to round numbers; 1 and 10 where none is above 0."""
    ends = [min(max(end, 1 / LIMIT), LIMIT) for end in (low, high) if end > 0]
    if not ends:
        return 1.0, 10.0
    low, high = min(ends), max(ends)
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    if last - first > 2:
        return _times(1, first), _times(1, last)
    candidates = _ones_twos_fives(first, last)
    below, above = (
        [tick for tick in candidates if tick <= low * (1 + 1e-9)],
        [tick for tick in candidates if tick >= high * (1 - 1e-9)],
    )
    low, high = max(below, default=candidates[0]), min(above, default=candidates[-1])
    return (low, high) if high > low else (_times(1, first), _times(1, first + 1))


def log_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Powers of ten between two ends above 0, at most `most`; over two powers or fewer 1, 2 and 5 times each.

    Of a range that holds less than two of these, the ticks of a linear axis.
    """
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    fine = [tick for tick in _ones_twos_fives(first - 1, last + 1) if low * 0.999 <= tick <= high * 1.001]
    if len(fine) < 2:
        return [tick for tick in round_ticks(low, high, most) if low <= tick <= high] or fine
    if last - first < 2 and len(fine) <= most + 1:
        return fine
    every = max(1, math.ceil((last - first + 1) / max(1, most)))
    powers = [power for power in range(first, last + 1) if power % every == 0]
    return [_times(1, power) for power in powers] or fine[:: max(1, math.ceil(len(fine) / max(1, most)))]


def tick_labels(ticks: list[float], unit: str = "", log: bool = False) -> list[str]:
    """The ticks as texts with as many decimals as their step needs, no two alike; e-notation for huge and tiny ones."""
    if log and all(float(f"{tick:.0e}") == tick for tick in ticks):  # one digit each
        return [compact(tick, 1) + unit for tick in ticks]
    largest = max((abs(tick) for tick in ticks), default=0.0)
    gaps = [after - before for before, after in pairwise(ticks)]
    fine = _exponent(min(gaps, default=largest) or 1.0)
    if largest == 0 or (1e-3 <= largest < 1e6 and fine >= -9):
        return [fixed(tick, max(0, -fine)) + unit for tick in ticks]
    return [_scientific(tick, fine) + unit for tick in ticks]


def _scientific(value: float, fine: int) -> str:
    if value == 0:
        return "0"
    digits = max(0, _exponent(value) - fine)
    mantissa, exponent = f"{abs(value):.{digits}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    power = int(exponent)
    return f"{MINUS if value < 0 else ''}{mantissa}e{MINUS if power < 0 else ''}{abs(power)}"


def _exponent(value: float) -> int:
    """The power of ten of the first digit, of the value rounded to ten digits."""
    return int(f"{abs(value):.9e}".split("e")[1])


def _times(count: int, power: int) -> float:
    """count × 10^power, rounded once."""
    return float(count * 10**power) if power >= 0 else count / 10**-power


def _ones_twos_fives(first: int, last: int) -> list[float]:
    return [_times(factor, power) for power in range(first, last + 1) for factor in FACTORS][: 3 * (last - first) + 1]
