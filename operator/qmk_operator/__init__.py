"""The operator: turns each CompileJob into a Kubernetes Job, and its end into the status."""
