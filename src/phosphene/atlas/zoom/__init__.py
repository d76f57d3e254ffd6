"""Pictures too large for one file: tiles, and a page to zoom into."""
