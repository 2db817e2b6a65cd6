"""What starts a release: the form, a push, the night."""
