"""The block over any fsspec URL: an adapter for each family of filesystems, and their readers, writers and listings."""
