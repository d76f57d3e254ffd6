"""Sources of images, below everything that runs over them."""
