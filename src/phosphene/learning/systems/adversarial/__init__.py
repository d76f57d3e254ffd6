"""Adversarial pairs: a generator that makes examples, and a critic that tells them from real ones."""
