"""The steps of spotkiln.serve."""
