"""S3, and what is read and written there of published firmware."""
