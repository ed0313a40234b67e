"""GitHub's webhooks."""
