"""What the package needs in an AWS account: to set it up, to check it, and to prove it."""
