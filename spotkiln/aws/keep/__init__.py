"""AWS's part of spotkiln.keep."""
