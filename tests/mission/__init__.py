"""The mission's examples and sentences, tried on a real S3 server, real files and the real catalog."""
