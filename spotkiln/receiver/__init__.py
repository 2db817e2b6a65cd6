"""The push receiver: a small HTTP service that turns push events into flow runs."""
