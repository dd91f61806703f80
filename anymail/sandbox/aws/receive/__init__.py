"""Mail that arrives: receipt rules, S3 objects, encryption."""
