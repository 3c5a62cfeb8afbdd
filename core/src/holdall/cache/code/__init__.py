"""What a function reaches by name."""
