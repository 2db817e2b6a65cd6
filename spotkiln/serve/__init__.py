"""From an image to servers: fleets, targets, the gate and its verdict, prices."""
