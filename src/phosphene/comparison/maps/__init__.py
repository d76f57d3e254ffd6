"""Layers' values for images and for their transformed versions, and the linear maps that lead from one to the other."""
