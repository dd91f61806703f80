"""Amazon SNS: topics, subscriptions, signed posts, retries."""
