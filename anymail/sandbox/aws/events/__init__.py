"""What happens to accepted messages, and who is told."""
