"""Phosphene opens any vision network in PyTorch and shows what it sees."""
