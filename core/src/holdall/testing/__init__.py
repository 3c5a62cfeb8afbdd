"""For plugin authors: contracts to subclass, and wrappers that misbehave on purpose. Needs pytest."""
