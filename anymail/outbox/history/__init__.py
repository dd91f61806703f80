"""What became of messages: the log, its events, and the pages that show them."""
