"""The report: one HTML file that tells a person what a network sees in a photo."""

from .page import report

__all__ = ["report"]
