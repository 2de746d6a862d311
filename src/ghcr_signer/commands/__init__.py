"""One file a command: its Options, its arguments, and run, which returns a Report."""
