"""What `spotkiln doctor` examines: this machine, Prefect, the applications and the account."""
