"""AWS's part of spotkiln.serve."""
