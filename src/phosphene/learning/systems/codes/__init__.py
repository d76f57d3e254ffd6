"""Autoencoders: few numbers from which an image can be had back."""
