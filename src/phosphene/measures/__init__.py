"""Statistics that instruments report."""
