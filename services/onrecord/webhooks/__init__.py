"""Webhooks: endpoints, matching of events, fan-out and delivery. Owns schema `webhooks`."""
