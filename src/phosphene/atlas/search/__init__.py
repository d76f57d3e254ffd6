"""The images of an atlas that are alike."""
