"""Payloads of results: written, checked, bounded and decoded."""
