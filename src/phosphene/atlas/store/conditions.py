"""Which images of the database a sweep has taken in, as conditions of SQL."""

from __future__ import annotations

from ...data.coverage import Coverage
from .tables import among


def covered(coverage: Coverage, column: str = "id") -> str:
    """That an image's number is among those taken in."""
    once = seen_once(coverage, column)
    return f"({once}) AND NOT ({among(column, sorted(coverage.again))})" if coverage.again else once


def seen_once(coverage: Coverage, column: str = "id") -> str:
    """The same, also of those that are to be tried again, whose names and labels are known."""
    ranges = coverage.ranges()
    return " OR ".join(f"({column} >= {first} AND {column} < {beyond})" for first, beyond in ranges) or "false"
