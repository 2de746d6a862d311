"""One file a command: Options, add_arguments, and run, which returns a Report and prints nothing."""
