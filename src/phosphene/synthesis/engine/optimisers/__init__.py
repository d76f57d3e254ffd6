"""Steps along a gradient that PyTorch's optimisers do not take."""
