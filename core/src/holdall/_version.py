"""The version of this distribution: read by the build, and written into every record."""

VERSION = "0.1.0"
