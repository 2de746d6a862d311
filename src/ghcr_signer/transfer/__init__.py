"""Between a directory and a registry: examine, fetch, observe, execute."""
