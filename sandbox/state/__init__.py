"""What the account holds: plain values, its clock, its limits and prices."""
