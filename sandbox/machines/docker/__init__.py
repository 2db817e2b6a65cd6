"""Machines that are containers which boot systemd."""
