"""The steps of spotkiln.release."""
