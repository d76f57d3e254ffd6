"""Networks side by side on the same images: right answers, cost, calibration, and where they disagree."""
