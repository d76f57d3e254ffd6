"""Instruments that ask something of learned systems, or of the way in which systems learn."""
