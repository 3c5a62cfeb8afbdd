"""Plugins shipped with the core. They import only what a third-party plugin may import.

Internal: users import `holdall.filesystems`, `holdall.serializers` and `holdall.runners`, or name a plugin by its slug.
"""
