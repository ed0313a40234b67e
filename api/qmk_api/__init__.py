"""The HTTP API: keymaps in, CompileJobs out to Kubernetes, results and firmware back from S3."""
