"""Definitions from source texts and bytecode."""
