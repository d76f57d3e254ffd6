"""Learned systems on a disk: weights, a card, and what a stopped training goes on from."""
