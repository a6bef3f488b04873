"""Webhooks: endpoints, the events they want, and the delivery of these. Owns schema `webhooks`."""
