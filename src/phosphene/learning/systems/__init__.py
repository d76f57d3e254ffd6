"""The learned systems, a file each."""
