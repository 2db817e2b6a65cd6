"""Auto Scaling groups: created, filled, checked, suspended, deleted."""
