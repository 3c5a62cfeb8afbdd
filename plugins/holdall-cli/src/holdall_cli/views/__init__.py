"""What commands show and ask: output, prompts, and results looked up for display."""
