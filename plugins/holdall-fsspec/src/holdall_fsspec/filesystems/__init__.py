"""What the block over any fsspec URL stands on: an adapter for each family of filesystems, readers, writers and listings."""
