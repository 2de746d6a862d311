"""The outside world, one module each: files, registries, cosign. They raise only our errors."""
