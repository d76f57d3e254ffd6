"""Photos: read from files, arrays and folders."""
