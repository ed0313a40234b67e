"""Which channels move, to which commits: their sources asked."""
