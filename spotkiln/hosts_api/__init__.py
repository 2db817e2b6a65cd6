"""The one door to the APIs of the repositories' hosts."""
