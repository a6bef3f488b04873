"""Checks of a log and of quotes from it, which trust nothing but a key."""
