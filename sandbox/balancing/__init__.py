"""Target groups, their targets' health, and the load balancers in front of them."""
