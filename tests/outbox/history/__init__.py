"""Tests of what became of messages."""
