"""What all unit tests share."""

from hypothesis import settings

# No deadline: a busy machine is no failure.
settings.register_profile("unit", deadline=None)
settings.load_profile("unit")
