"""Conventions of every API: methods, compression, request ids, problems and their pages."""
