"""What a task or flow declares, and the rules that resolve it (pure).

Internal: it may change in any release.
"""
