"""Approvals of deployments, in a world of their own: they release, and leave workers behind."""
