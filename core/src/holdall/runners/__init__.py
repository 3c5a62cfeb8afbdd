"""Submission to task runners and calls in other processes."""
