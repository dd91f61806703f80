"""What long-running management commands share: how they end, and what they show meanwhile."""
