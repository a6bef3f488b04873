"""Outgoing HTTP: egress rules, name resolution, connections, signatures."""
