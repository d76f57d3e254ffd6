"""Systems that learn a distribution of images, with its density or a bound of it."""
