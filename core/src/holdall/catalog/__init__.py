"""The catalog of this process and the background writer of run rows.

Internal: it may change in any release.
"""
