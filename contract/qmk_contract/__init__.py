"""The words that every part of qmk-compile shares.

Pure: standard library only, no I/O, no clock, no environment. The API, the operator, the runner
and the tasks never import one another; they meet in these types, in the CustomResourceDefinition
and in the S3 layout.
"""
