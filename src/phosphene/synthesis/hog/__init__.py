"""Histograms of oriented gradients: the descriptor, and images made from it."""
