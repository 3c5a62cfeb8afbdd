"""Contract suites and stand-ins for plugin authors; the suites need pytest."""
