"""A Lambda executor for LocalStack that needs no Docker: an environment is a process that runs `bootstrap`."""
