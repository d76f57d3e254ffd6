"""Images made again from a layer's values."""
