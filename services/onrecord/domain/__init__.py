"""What can be said and what follows from it. No I/O, no clock, no framework."""
