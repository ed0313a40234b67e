"""The keyboard site of the published firmware, and keyboards by other addresses."""
