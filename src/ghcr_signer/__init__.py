"""Sign container images with a hardware key; publish the signatures by pull request."""

__version__ = "0.1.0.dev0"
