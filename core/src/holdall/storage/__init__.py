"""Guarded access to storages: error mapping, circuit breaker, locks, progress, self-test.

Internal: it may change in any release.
"""
