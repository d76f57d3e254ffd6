"""Recomputing only what changed: rectangles and rows that know where they differ from a clean value."""
