"""Linear maps between representations, from sums over samples that a stream of images adds up."""
