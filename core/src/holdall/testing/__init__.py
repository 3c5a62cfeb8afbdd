"""For plugin authors: contracts to subclass, stand-ins, and wrappers that misbehave on purpose. Needs pytest."""
