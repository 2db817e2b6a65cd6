"""Machines that are a script and a clock."""
