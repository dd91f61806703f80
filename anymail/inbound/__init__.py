"""Received mail: parsing it, reading it, and making it for tests."""

from .message import AnymailInboundMessage

__all__ = ["AnymailInboundMessage"]
