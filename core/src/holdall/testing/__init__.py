"""Contract suites for plugin authors, fake distributions, and faulty storages; needs pytest."""

import sys

if "pytest" in sys.modules:  # else nobody is testing here: `processes` is a program of its own
    # What an assertion in a library found, pytest shows only if asked for it before the module is imported.
    for _suite in (
        *("capabilities", "large", "listing", "promises", "sharing", "storage", "trouble", "unfinished"),
        *("catalog", "serializers", "signatures", "typed"),
    ):
        sys.modules["pytest"].register_assert_rewrite(f"{__name__}.{_suite}")
