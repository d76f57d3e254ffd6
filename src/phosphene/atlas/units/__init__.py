"""The units of an atlas: their patches, statistics and names."""
