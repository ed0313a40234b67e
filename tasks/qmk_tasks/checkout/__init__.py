"""A commit's tree from git hosts."""
