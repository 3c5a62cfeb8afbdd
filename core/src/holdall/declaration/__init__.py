"""Declared options of tasks and flows, and the rules that resolve them (pure).

Internal: it may change in any release.
"""
