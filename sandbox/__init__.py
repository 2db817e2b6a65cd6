"""An EC2 on this machine: API state, machines, load balancer, metadata and faults.

The product never imports this package, and this package never imports the product.
"""
