"""Drawings: marks and lettering, and how they become pixels or SVG."""
