"""Amazon SES for Django. Only the version is here: everything else is in the modules."""

#: The version, for example ``"1.2.3"``.
__version__ = "0.1.0"
#: The same as numbers.
VERSION = (0, 1, 0)
