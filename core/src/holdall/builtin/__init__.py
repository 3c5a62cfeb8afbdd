"""Plugins shipped with the core. They import only what a third-party plugin may import.

Internal: it may change in any release. Users import the classes from
`holdall.filesystems`, `holdall.runners` and `holdall.serializers`.
"""
