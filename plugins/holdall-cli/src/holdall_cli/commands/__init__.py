"""Commands of `holdall`, one module per noun."""
