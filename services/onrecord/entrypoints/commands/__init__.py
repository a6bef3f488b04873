"""Commands of `onrecord`, one file each. `entrypoints.cli` registers them."""
