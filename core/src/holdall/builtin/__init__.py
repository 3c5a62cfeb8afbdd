"""The plugins that come with the core; they know only what any plugin knows: abc, types, errors, ids."""
