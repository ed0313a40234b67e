"""Whether every build path gives the bytes of a plain ``qmk compile``: a tool, not a test.

``make equality TREE=<folder>`` runs it; ``python -m tests.equality --help`` has its options.
"""
