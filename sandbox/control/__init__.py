"""The control API, for tests, the demo and the command line."""
