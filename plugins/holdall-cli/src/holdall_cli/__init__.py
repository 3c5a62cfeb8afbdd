"""The command `holdall`. Internal, but for the entry-point group `holdall.cli`, by which plugins add commands."""
