"""Which layers an image is compared at, and what of their values."""
