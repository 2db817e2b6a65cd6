"""The steps of spotkiln.keep."""
