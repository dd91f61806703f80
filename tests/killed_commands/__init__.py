"""Tests of commands that are killed."""
