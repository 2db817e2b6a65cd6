"""The command `spotkiln`: reads through spotkiln.aws, starts and follows runs through Prefect."""
