"""Numbers as people read them: three significant digits, a true minus, powers of ten only where needed.

0.523, 1.30, 12,400 and 1.2e−6. Two ends of a range share their decimals ('−0.52 to 1.30') unless the smaller is less
than a tenth of the larger, and two numbers that differ never look the same.
"""

import math

MINUS = "−"


def compact(value: float, digits: int = 3) -> str:
    """The number with `digits` significant digits; e-notation below 0.001 and from 100,000."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if value == 0:
        return "0"
    mantissa, exponent = f"{abs(value):.{digits - 1}e}".split("e")  # rounds first, so that 0.9999 has exponent 0
    power = int(exponent)
    if -3 <= power < 5:
        text = f"{abs(value):,.{max(0, digits - 1 - power)}f}"
    else:
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        text = f"{mantissa}e{MINUS if power < 0 else ''}{abs(power)}"
    return (MINUS if value < 0 else "") + text


def counted(count: int, noun: str) -> str:
    """The count with its noun: '1 step', '2 steps', '1,000 steps'."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def pair(low: float, high: float) -> tuple[str, str]:
    """Both numbers, with common decimals where that hides nothing, and with more digits where they would look alike."""
    most, least = max(abs(low), abs(high)), min(abs(low), abs(high))
    if 1e-3 <= most < 99_999 and (least == 0 or least >= most / 10):
        decimals = max(0, 2 - math.floor(math.log10(most)))
        low_text, high_text = (fixed(value, decimals) for value in (low, high))
    else:
        low_text, high_text = compact(low), compact(high)
    digits = 4
    while low != high and low_text == high_text and digits <= 17:
        low_text, high_text = compact(low, digits), compact(high, digits)
        digits += 1
    return low_text, high_text


def fixed(value: float, decimals: int) -> str:
    if value == 0:
        return "0"
    text = f"{abs(value):,.{decimals}f}"
    return (MINUS if value < 0 else "") + text


def capital(text: str) -> str:
    """The text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]
