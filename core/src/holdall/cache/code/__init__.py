"""Digests of what functions reach by name."""
