"""Stands in front of the installed package in tests, which index with the smaller text encoder: it has no weights."""
