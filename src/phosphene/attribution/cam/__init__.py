"""Class activation maps, and the layer that they are read from."""
