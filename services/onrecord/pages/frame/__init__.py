"""What every page has: its address and data, its frame and policy, the two clocks, the reader."""
