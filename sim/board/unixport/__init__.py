# Not for import: these modules run inside MicroPython, see boot.py
