"""What the operating system is asked beyond the standard library: forks, time that passed, files opened safely.

Internal: it may change in any release.
"""
