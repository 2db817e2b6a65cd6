"""The steps of spotkiln.start."""
