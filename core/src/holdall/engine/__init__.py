"""Executes one run: resolve, cache, attempt, persist, record."""
