"""What learned systems show of themselves."""
