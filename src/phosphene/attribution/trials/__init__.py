"""Whether maps are true: tests of attribution methods, one by one and side by side."""
