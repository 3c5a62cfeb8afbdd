"""holdall keeps what Python functions return."""
