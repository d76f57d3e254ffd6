"""The ascent: objectives, images, transforms, priors, optimisers, and the results of their steps."""
