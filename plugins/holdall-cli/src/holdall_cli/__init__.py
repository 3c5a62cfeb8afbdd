"""The command `holdall`: internal but for the entry-point group `holdall.cli`, with which plugins add commands."""
