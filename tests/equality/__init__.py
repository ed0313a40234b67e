"""Whether every build path gives the bytes of a plain ``qmk compile``: a tool, not a test.

Its figures are in docs/benchmarks.md; ``make equality`` says how it is called.
"""
