"""Trust, key rings, policies and record signatures."""
