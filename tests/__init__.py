"""The tests: a package, so that they can import `tests.servers` and two of their files may have the same name."""
