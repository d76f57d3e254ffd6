"""Systems whose codes are what they are for: autoencoders."""
