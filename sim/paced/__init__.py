"""Processes of the world in virtual time: the same programs, their clocks taken over."""
