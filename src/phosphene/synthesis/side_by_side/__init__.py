"""Several networks on one sheet."""
