"""Whether a caller has the right to a call, decided as IAM decides it."""
