"""Taking over messages from other packages."""
