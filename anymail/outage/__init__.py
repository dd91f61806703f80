"""After an outage: events that were missed, and a receiver again over those that are stored."""
