"""A registry as a client meets it. `client.py` says what it can do; start there."""
