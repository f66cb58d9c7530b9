"""A folder for PYTHONPATH: a program started with it reads a wrong clock."""
