"""Fields of a configured block, read from variables or a file, and the block made from them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from holdall._pydantic_errors import faults
from holdall.errors import ConfigurationError
from holdall.settings import user
from holdall.settings.sources import BLOCK_PREFIX, DEFAULT
from holdall.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import ValidationError

    from holdall.abc import StorageBlock
    from holdall.settings.model import Settings

_REFERENCE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{")


class RawBlock(NamedTuple):
    """Fields that one source has for one slug."""

    slug: str
    source: str
    """Name of the source, for messages."""
    fields: Mapping[str, Any]
    labels: Mapping[str, str]
    """Field -> the variable that it comes from, if any."""


def variable_prefix(slug: str, /) -> str:
    """Returns the prefix of a block's variables: `HOLDALL_BLOCK__S3__PROD__` for `s3/prod`."""
    return BLOCK_PREFIX + "__".join(re.sub(r"[^A-Z0-9]", "_", part) for part in slug.upper().split("/")) + "__"


def from_environment(slug: str, settings: Settings, /) -> RawBlock | None:
    """Returns the variables of a block, each under the rest of its name in lower case; None if there are none."""
    prefix = variable_prefix(slug)
    labels = {key[len(prefix) :].lower(): key for key in settings.environ if key.upper().startswith(prefix)}
    if not labels:
        return None
    fields = {name: settings.environ[variable] for name, variable in labels.items()}
    return RawBlock(slug, f"environment variables {prefix}*", fields, labels)


def slugs_in_environment(settings: Settings, /) -> dict[str, str]:
    """Returns prefix of the variables -> slug, in lower case with dashes: variables do not say which separators it has."""
    slugs = {}
    for key in settings.environ:
        kind, _, rest = key.upper().removeprefix(BLOCK_PREFIX).partition("__")
        name, _, field = rest.partition("__")
        if key.upper().startswith(BLOCK_PREFIX) and kind and name and field:
            slug = f"{kind}/{name}".lower().replace("_", "-")
            slugs[variable_prefix(slug)] = slug
    return slugs


def from_file(slug: str, settings: Settings, /) -> RawBlock:
    """Returns the table of a block in `settings.blocks`, each `${NAME}` replaced.

    Raises:
        ConfigurationError: A variable is not set; the message names block, field and variable.
    """
    source = settings.sources[f"blocks.{slug}"]
    table = settings.blocks[slug]
    fields = {
        name: _interpolated(value, settings.environ, f"{source}, block {slug!r}, field {name!r}")
        for name, value in table.items()
    }
    from_a_variable = re.fullmatch(r"\$\{\w+\}", str(table.get("signing_key"))) is not None
    user.refuse_block(fields, f"{source}: the block {slug!r}", key_is_of_the_user=from_a_variable)
    return RawBlock(slug, source, fields, {})


def refuse_of_projects(fields: Mapping[str, Any], where: str, settings: Settings, /) -> None:
    """Refuses a block that says whom to trust, of a catalog that a project's file names.

    Raises:
        ConfigurationError: It names the field.
    """
    source = settings.sources.get("home", DEFAULT)
    if source != DEFAULT and not source.startswith("environment variable"):
        user.refuse_block(fields, f"{where}, which {source} names,", key_is_of_the_user=False)


def _interpolated(value: Any, environ: Mapping[str, str], where: str) -> Any:
    if isinstance(value, list):
        return [_interpolated(each, environ, where) for each in value]
    if isinstance(value, dict):
        return {key: _interpolated(each, environ, where) for key, each in value.items()}
    if not isinstance(value, str) or "${" not in value:
        return value

    def replacement(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        if match[1] is None:
            raise ConfigurationError(
                f"{where}: a '${{' must begin the name of a variable, as ${{NAME}}; $${{ is a plain ${{."
            )
        if match[1] not in environ:
            raise ConfigurationError(f"{where}: the environment variable {match[1]} is not set.")
        return environ[match[1]]

    return _REFERENCE.sub(replacement, value)


def build(cls: type[StorageBlock], raw: RawBlock, /) -> StorageBlock:
    """Makes the block, checked by its class. Text that is not valid for a field may be its JSON.

    Raises:
        ConfigurationError: The message names source and field, and repeats no secret.
    """
    from pydantic import ValidationError

    if raw.labels:  # names of variables do not distinguish upper and lower case
        names = {name.lower(): name for name in cls.model_fields}
        raw = raw._replace(
            fields={names.get(name, name): value for name, value in raw.fields.items()},
            labels={names.get(name, name): value for name, value in raw.labels.items()},
        )
    fields = dict(raw.fields)
    try:
        return cls.model_validate(fields).with_slug(raw.slug)
    except ValidationError as error:
        decoded, refused = _decoded(fields, error), error
    if decoded:
        try:
            return cls.model_validate({**fields, **decoded}).with_slug(raw.slug)
        except ValidationError as error:
            refused = error
    # Not chained: the message of a plugin's validator may repeat the value.
    raise ConfigurationError(_refusal(cls, raw, refused)) from None


def _decoded(fields: Mapping[str, Any], error: ValidationError) -> dict[str, Any]:
    decoded = {}
    for name in {fault.field for fault in faults(error)}:
        if isinstance(fields.get(name), str):
            try:
                decoded[name] = json.loads(fields[name])
            except ValueError:
                continue
    return decoded


def _refusal(cls: type[StorageBlock], raw: RawBlock, error: ValidationError) -> str:
    secret = cls.secret_fields()
    hidden = [str(raw.fields[name]) for name in secret if raw.fields.get(name)]
    problems = []
    for fault in faults(error):
        name = fault.field
        where = raw.labels.get(name) or name or "as a whole"
        if fault.kind == "missing":
            variable = f" ({variable_prefix(raw.slug)}{name.upper()} is not set)" if raw.labels else ""
            problems.append(f"the field {name!r} is missing{variable}")
        elif fault.kind == "extra_forbidden":
            problems.append(f"{where}: there is no such field{_nearest(name, cls.model_fields)}")
        elif name in secret:
            problems.append(f"{where}: not valid (its value is a secret and not shown)")
        else:
            message = fault.message
            for value in hidden:
                message = message.replace(value, "**********")
            problems.append(f"{where}: {message}")
    own = cls.own_fields()
    return (
        f"The block {raw.slug!r} ({raw.source}) is not right: {'; '.join(problems)}. "
        f"Fields of {cls.__name__}: {', '.join(sorted(cls.model_fields, key=lambda name: name not in own))}."
    )


def _nearest(name: str, known: Iterable[str]) -> str:
    near = suggest(name, known)
    return f", did you mean {near!r}?" if near else ""
