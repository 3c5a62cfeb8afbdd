"""One module per noun: what `holdall NOUN …` does."""
