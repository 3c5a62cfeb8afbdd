<<<<<<< HEAD
"""Contract suites and stand-ins for plugin authors; the suites need pytest."""
=======
"""For plugin authors: contracts to subclass, and wrappers that misbehave on purpose. Needs pytest."""
>>>>>>> a1-local
