"""What all unit tests share."""

from hypothesis import settings

# No deadline: a busy machine is no failure. Fewer examples, so that the suite stays quick.
settings.register_profile("unit", deadline=None, max_examples=40)
settings.load_profile("unit")
