"""Losses with a paper each."""
