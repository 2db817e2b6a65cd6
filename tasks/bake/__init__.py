"""The steps of spotkiln.bake."""
