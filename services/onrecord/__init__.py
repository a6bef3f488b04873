"""onrecord: an event-sourced record of public statements, and of the positions that follow."""

__version__ = "0.1.0"
