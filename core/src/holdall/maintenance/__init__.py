"""Copy, move, push, collect, rebuild: jobs over whole storages."""
