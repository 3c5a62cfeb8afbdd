"""Says in the last lines of a tox run what it could not test here: a skipped interpreter is easily overlooked."""

from __future__ import annotations

import atexit
import logging
from typing import TYPE_CHECKING

from tox.plugin import impl
from tox.tox_env.errors import Skip

if TYPE_CHECKING:
    from tox.config.sets import ConfigSet
    from tox.session.state import State


class Skipped(logging.Handler):
    """Collects why environments were skipped; tox has no event for it, and says it in the log alone."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.reasons: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        reasons = record.args if isinstance(record.args, tuple) else ()
        self.reasons += [str(reason) for reason in reasons if isinstance(reason, Skip)]

    def report(self) -> None:
        for reason in self.reasons:
            print(f"NOT TESTED on this machine: {reason}")  # noqa: T201 - the terminal is what this is for


@impl
def tox_add_core_config(core_conf: ConfigSet, state: State) -> None:
    """Listen from the start; speak at exit, which is after the summary."""
    del core_conf, state
    skipped = Skipped()
    logging.getLogger().addHandler(skipped)
    atexit.register(skipped.report)
