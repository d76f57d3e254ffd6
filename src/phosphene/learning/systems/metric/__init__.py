"""Systems that learn a distance: codes that lie close for what belongs together."""
