"""Telling others what was recorded. Owns schema `webhooks`."""
