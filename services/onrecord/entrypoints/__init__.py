"""Processes, one file each, and the commands: they read settings and open connections."""
