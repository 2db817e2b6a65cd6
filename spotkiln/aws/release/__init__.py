"""AWS's part of spotkiln.release."""
