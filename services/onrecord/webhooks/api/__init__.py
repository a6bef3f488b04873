"""The webhooks API: endpoints, their delivery log, their feed."""
