"""Copy, move, push, collect, rebuild: jobs over whole storages.

Internal: it may change in any release. The command line stands on it.
"""
