"""Boards as data: the one source of pins, parts and addresses."""
