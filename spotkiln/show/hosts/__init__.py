"""What the hosts of repositories are told, as their APIs want it: requests, and no connection."""
