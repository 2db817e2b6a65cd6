"""AWS's part of spotkiln.bake."""
