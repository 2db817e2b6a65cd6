"""A stand-in for Packer 1.6.6, for machines that are simulated.

It makes the same EC2 calls, prints the same lines, and has the same files and exit codes. It
uses no SSH and provisions nothing. It needs only the standard library, so a bake costs
milliseconds.
"""
