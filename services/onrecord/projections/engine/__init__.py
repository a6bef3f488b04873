"""What every projection shares: checkpoints, catching up, rebuilds, versions."""
