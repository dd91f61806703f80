__version__ = "0.1.0"
VERSION = (0, 1, 0)
