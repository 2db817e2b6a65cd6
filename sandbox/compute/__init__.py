"""Instances and images: EC2's states, which follow the machines."""
