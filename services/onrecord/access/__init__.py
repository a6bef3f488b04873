"""API keys: who may call the APIs, with which scopes, and how often. Owns schema `access`."""
