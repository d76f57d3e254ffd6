"""Which of many maps stand on a page."""

from __future__ import annotations

ROWS = 12  # on a page


def page_of(count: int, page: int, what: str) -> tuple[list[int], str]:
    """The indices of what stands on page number `page`, and words that say so where there are several pages."""
    pages = max(1, -(-count // ROWS))
    if not 1 <= page <= pages:
        raise ValueError(f"there {'are' if pages > 1 else 'is'} {pages} page{'s' * (pages > 1)} of {what}, no {page}")
    first = (page - 1) * ROWS
    return list(range(first, min(count, first + ROWS))), f" · page {page} of {pages}" if pages > 1 else ""
