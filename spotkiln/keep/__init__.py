"""What must not be lost, and what must not be left: leases, versions, reconcile."""
