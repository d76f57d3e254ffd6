"""What systems learn from."""
