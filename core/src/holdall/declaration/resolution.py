"""Resolution: whether, where and how a result is stored. No other module decides that.

The engine and `explain` both call `resolve`, so an explanation cannot differ from what happens.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from holdall.security.redact import shown

if TYPE_CHECKING:
    from holdall.declaration.options import Options

DEFAULT_STORAGE: Final = "./.holdall-results"
DEFAULT_SERIALIZER: Final = "pickle"

Source = Literal["explicit", "configured", "flow", "caching", "retries", "settings", "default"]


class Defaults(Protocol):
    """Settings that resolution uses."""

    @property
    def results_persist_by_default(self) -> bool | None: ...
    @property
    def results_default_storage(self) -> str | None: ...
    @property
    def results_default_serializer(self) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Resolved value with its provenance. `beat` holds the reasons of later rules that matched too."""

    value: Any
    source: Source
    reason: str
    beat: tuple[str, ...] = ()

    def __repr__(self) -> str:
        value = shown(self.value) if isinstance(self.value, str) else self.value
        return f"Decision(value={value!r}, source={self.source!r}, reason={self.reason!r}, beat={self.beat!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What the runs inside a flow run inherit from it.

    `persist` is the nearest explicit `persist_result` at or around the flow, None if there is none; storage and serializer
    are what the flow itself resolved to, whichever rule decided.
    """

    flow: str
    persist: bool | None
    persist_from: str | None
    storage: Decision
    serializer: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """How the results of one task or flow are stored in one context. `str()` explains it in sentences."""

    kind: Literal["task", "flow"]
    name: str
    persist: Decision
    storage: Decision
    serializer: Decision
    needs: tuple[str, ...] = ()
    """Its options that need a stored result: `cache_key_fn` or `cache_policy`, `retries`."""
    for_retries_alone: bool = False
    """Only its `retries` need a stored result: one that cannot be stored is a warning and not an error."""
    not_counted: tuple[str, ...] = ()
    """Places in the code of the function that its cache key cannot count, each with the reason."""

    @property
    def forbidden(self) -> bool:
        """Whether `persist_result` or a setting is False: no literal is stored either, and `needs` cannot be met."""
        return not self.persist.value and self.persist.source != "default"

    def scope(self, options: Options, around: Scope | None) -> Scope:
        """Returns the scope for the runs inside this flow."""
        own = options.persist_result
        inherited = (around.persist, around.persist_from) if around is not None else (None, None)
        persist, persist_from = (own, self.name) if own is not None else inherited
        return Scope(
            flow=self.name,
            persist=persist,
            persist_from=persist_from,
            storage=self.storage,
            serializer=self.serializer,
        )

    def __str__(self) -> str:
        verb = "is persisted" if self.persist.value else "is not persisted"
        lines = [f"The result of {self.kind} {self.name!r} {verb}: {self.persist.reason}."]
        lines += [f"  (This overrides: {rule}.)" for rule in self.persist.beat]
        if self.persist.value:
            lines.append(f"It is written to {_shown(self.storage.value)}: {self.storage.reason}.")
            lines += [f"  (This overrides: {rule}.)" for rule in self.storage.beat]
            lines.append(f"It is serialised with {_shown(self.serializer.value)}: {self.serializer.reason}.")
            lines += [f"  (This overrides: {rule}.)" for rule in self.serializer.beat]
        if self.forbidden:
            lines.append("True, False and None are not kept either, because somebody said False.")
            lines += [_conflict(self.name, need) for need in self.needs]
        else:
            cached = any(need != "retries" for need in self.needs)
            where = "as well as in its cache record" if cached else "with no object in storage"
            lines.append(f"True, False and None are kept in the catalog, {where}.")
        if self.not_counted:
            lines.append(
                "Its cache key does not count what this leads to; name it with CODE(also=[…]), or change cache_version when "
                "it changes:"
            )
            lines += [f"  {each}" for each in self.not_counted]
        return "\n".join(lines)


def resolve(kind: Literal["task", "flow"], options: Options, around: Scope | None, defaults: Defaults) -> Resolution:
    """Resolves options by the rules, whose numbers the documentation explains; the first rule that matches decides."""
    needs = tuple(need for need in (options.caching, "retries" if options.retries > 0 else None) if need is not None)
    rules = _persist_rules(options, around, defaults)
    storage = _first(_inherited("storage", options.result_storage, around, defaults.results_default_storage))
    serializer = _first(
        _inherited("serializer", options.result_serializer, around, defaults.results_default_serializer)
    )
    return Resolution(
        kind=kind,
        name=options.name,
        persist=_first(rules),
        storage=storage,
        serializer=serializer,
        needs=needs,
        for_retries_alone=rules[0].source == "retries" and not any(rule.value for rule in rules[1:]),
    )


def _first(rules: list[Decision]) -> Decision:
    winner, *rest = rules
    beat = tuple(rule.reason for rule in rest if rule.source != "default")
    return Decision(value=winner.value, source=winner.source, reason=winner.reason, beat=beat)


def _persist_rules(options: Options, around: Scope | None, defaults: Defaults) -> list[Decision]:
    """Returns the rules that match, in order; the last always does."""
    rules = []
    own = options.persist_result
    if own is not None:
        rules.append(Decision(value=own, source="explicit", reason=f"persist_result={own} is set on it (rule 1)"))
    configured = [name for name in ("result_storage", "result_storage_key") if getattr(options, name) is not None]
    if configured:
        rules.append(Decision(value=True, source="configured", reason=f"{configured[0]} is set on it (rule 2)"))
    inherited = around.persist if around is not None else None
    by = f"flow {around.persist_from!r} around it says persist_result={inherited}" if around is not None else ""
    if inherited is False:
        rules.append(Decision(value=False, source="flow", reason=f"{by} (rule 3)"))
    if options.caching is not None:
        rules.append(Decision(value=True, source="caching", reason=f"its {options.caching} needs it (rule 4)"))
    if options.retries > 0:
        rules.append(Decision(value=True, source="retries", reason=f"its retries={options.retries} need it (rule 4)"))
    if inherited is True:
        rules.append(Decision(value=True, source="flow", reason=f"{by} (rule 5)"))
    if (setting := defaults.results_persist_by_default) is not None:
        reason = f"the setting HOLDALL_RESULTS_PERSIST_BY_DEFAULT is {setting} (rule 6)"
        rules.append(Decision(value=setting, source="settings", reason=reason))
    no_rule = (
        "nothing asks for it: no persist_result, storage, caching or retries of its own, and no flow or setting that "
        "says so"
    )
    rules.append(Decision(value=False, source="default", reason=f"{no_rule} (rule 7)"))
    return rules


def _inherited(what: str, own: Any, around: Scope | None, setting: str | None) -> list[Decision]:
    rules = []
    if own is not None:
        rules.append(Decision(value=own, source="configured", reason=f"result_{what} is set on it (rule 1)"))
    if around is not None:
        above: Decision = getattr(around, what)
        reason = f"flow {around.flow!r} around it uses {_shown(above.value)} (rule 2)"
        rules.append(Decision(value=above.value, source="flow", reason=reason))
    if setting is not None:
        reason = f"the setting HOLDALL_RESULTS_DEFAULT_{what.upper()} says {shown(setting)} (rule 3)"
        rules.append(Decision(value=setting, source="settings", reason=reason))
    default = DEFAULT_STORAGE if what == "storage" else DEFAULT_SERIALIZER
    reason = (
        "the default, a folder in the directory where the outermost run starts (rule 4)"
        if what == "storage"
        else "the default (rule 4)"
    )
    rules.append(Decision(value=default, source="default", reason=reason))
    return rules


def _shown(value: Any) -> str:
    return shown(str(value)) if isinstance(value, (str, PathLike)) else repr(value)


def _conflict(name: str, need: str) -> str:
    verb, when = ("need", "at the first retry") if need == "retries" else ("needs", "when it is called")
    return f"Its {need} {verb} a kept result, so {name!r} raises PersistenceRequiredError {when}."
