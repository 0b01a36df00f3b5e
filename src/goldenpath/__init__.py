"""Generates services that are ready for production."""
