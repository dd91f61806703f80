"""The events of messages, and where they are published."""
