"""Where a class is: boxes and objects cut out of maps."""
