"""GitHub, by PyGithub."""
