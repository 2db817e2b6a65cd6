"""What an instance is made of: the protocol, and the scripts of simulated machines."""
