"""A stand-in for the host, so that the package's tests run under plain Python."""
