"""A Kubernetes cluster, its images and a demonstration on a developer's machine."""
