"""Tests of the page of the account."""
