"""Batches: one message to many recipients, behind which nobody waits."""
