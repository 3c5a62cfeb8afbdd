"""Executes one run: resolve, cache, attempt, persist, record.

Internal: it may change in any release. Programs use `holdall.tasks` and `holdall.flows`.
"""
