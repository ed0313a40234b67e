"""Programs that keep a release up to date: firmware snapshots, made and published.

``snapshot`` runs a firmware tree's own code and holds no credentials; it needs the standard
library only. ``publish`` holds credentials and runs nothing of a tree.
"""
