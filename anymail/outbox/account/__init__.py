"""The page of the account: what Amazon says of it, and what was sent on each day."""
