"""Payloads in pieces: buffers, deadlines, retries, concurrent downloads and multipart uploads."""
