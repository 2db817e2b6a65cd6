"""The account's life as time passes, and the account at the start."""
