"""What is measured: one module a subject, each with `measure(directory) -> list[Row]`."""
