"""Guarded access to storages: error mapping, circuit breaker, locks, progress, self-test."""
