"""`holdall version`: prints versions of holdall, Python and plugins."""

from __future__ import annotations

import sys

from holdall_cli.views.output import Json, pairs, print_json, say


def version(*, as_json: Json = False) -> None:
    """Versions of holdall, Python and plugins.

    JSON: an object with holdall, python, platform, plugins (distribution: version).
    """
    import platform

    from holdall._version import VERSION
    from holdall.plugins import installed

    found = {info.distribution: info.version for info in installed() if info.shadowed_by is None and info.distribution}
    found.pop("holdall", None)
    if as_json:
        print_json(
            {"holdall": VERSION, "python": platform.python_version(), "platform": sys.platform, "plugins": found}
        )
        return
    say(f"holdall {VERSION}", f"Python {platform.python_version()} on {sys.platform}")
    say("Plugins:" if found else "Plugins: none but the built-in ones")
    pairs(found.items())
