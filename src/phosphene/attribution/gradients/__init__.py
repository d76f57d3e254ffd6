"""Gradients of a score: times the input, along paths from a baseline, averaged over noise."""
