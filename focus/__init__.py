"""FOCUS: an eye-tracking backend.

This module imports nothing, so that the client starts without the server's packages.
"""

__version__ = "0.1.0"
