"""What runs in a build's pod: ``build`` compiles, ``upload`` stores what it left.

Standard library only: the toolchain image holds nothing of ours but this and the contract.
"""
