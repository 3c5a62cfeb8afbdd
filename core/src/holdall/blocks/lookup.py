"""Look-up of storage blocks by slug, `s3/prod`: in this process, the environment, the configuration file, the catalog.

The first source that has the slug wins as a whole: fields of two sources are never mixed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, cast

from holdall.blocks.fields import (
    RawBlock,
    build,
    from_environment,
    from_file,
    refuse_of_projects,
    slugs_in_environment,
    variable_prefix,
)
from holdall.blocks.secrets import decrypt
from holdall.errors import ConfigurationError, PluginError, UnknownBlockError
from holdall.plugins import registry
from holdall.security.redact import shown
from holdall.settings.sources import SECRET_KEY
from holdall.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdall.abc import Catalog, StorageBlock
    from holdall.settings.model import Settings
    from holdall.types import BlockDocument

ANONYMOUS = "anonymous-"
"""Prefix of the names under which the catalog stores secrets of blocks that have no slug."""
_NAME = re.compile(r"[A-Za-z0-9]+(?:[-_.][A-Za-z0-9]+)*")
_THIS_PROCESS = "this process"

_defined: dict[str, StorageBlock] = {}
# Blocks that are made from the same source are the same object, so that its clients are shared.
_cached: dict[str, tuple[Any, StorageBlock]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockEntry:
    """One source that has a block under a slug; `shadowed_by` is the source that wins over it, or None."""

    slug: str
    type: str
    source: str
    shadowed_by: str | None


def define(slug: str, block: StorageBlock, /) -> None:
    """Defines a block in this process alone, before all other sources. A later definition replaces an earlier one.

    The block may be of any type, so that a test can put a `MemoryFileSystem` in the place of `s3/prod`.

    Raises:
        UnknownBlockError: The slug has no type.
        ConfigurationError: Its name is not a name for a block.
    """
    kind, _, name = slug.partition("/")
    if not kind:
        _refuse_slug(slug)
    check_name(name)
    _defined[slug] = block.with_slug(slug)


def undefine(slug: str, /) -> None:
    """Removes what `define` defined, if anything."""
    _defined.pop(slug, None)


def find(slug: str, settings: Settings, /, *, catalog: Catalog | None = None) -> StorageBlock:
    """Returns the block under a slug, from the first source that has it.

    Raises:
        UnknownBlockError: No source has it; with the known slugs, the nearest spelling, an install line where it helps.
        PluginMissingError: The plugin of its type is not installed, or what decrypts its secrets.
        ConfigurationError: Its fields are not valid, or its secrets cannot be decrypted.
        CatalogError: The catalog failed.
    """
    first = next(sources(slug, settings, catalog), None)
    if first is None:
        refuse_unknown(slug, settings, catalog)
    _, make = first
    return make()


def listing(settings: Settings, /, *, catalog: Catalog | None = None) -> list[BlockEntry]:
    """Returns every block of every source, by slug; those of one slug in the order in which they win.

    Raises:
        CatalogError: The catalog failed.
    """
    kinds = {slug: (block.slug, _THIS_PROCESS) for slug, block in _defined.items()}
    files = {slug: (slug.partition("/")[0], settings.sources[f"blocks.{slug}"]) for slug in settings.blocks}
    place = _saved_in(settings)
    documents = (catalog or catalog_of(settings)).blocks()
    saved = {each.slug: (each.type, place) for each in documents if f"/{ANONYMOUS}" not in each.slug}
    variables = slugs_in_environment(settings)
    environment = {}
    for slug in {*kinds, *files, *saved}:
        prefix = variable_prefix(slug)
        if prefix in variables:
            environment[slug] = (slug.partition("/")[0], f"environment variables {prefix}*")
    spelled = {variable_prefix(slug) for slug in environment}
    for prefix, slug in variables.items():
        if prefix not in spelled:
            environment[slug] = (slug.partition("/")[0], f"environment variables {prefix}*")
    entries = []
    winners: dict[str, str] = {}
    for blocks in (kinds, environment, files, saved):
        for slug, (kind, source) in blocks.items():
            entries.append(BlockEntry(slug=slug, type=kind, source=source, shadowed_by=winners.get(slug)))
            winners.setdefault(slug, source)
    return sorted(entries, key=lambda entry: entry.slug)


def configured(settings: Settings, /) -> list[str]:
    """Returns the slugs that this process, the environment and the configuration files have; asks no catalog."""
    return sorted({*_defined, *settings.blocks, *slugs_in_environment(settings).values()})


def sources(slug: str, settings: Settings, catalog: Catalog | None) -> Iterator[tuple[str, Callable[[], StorageBlock]]]:
    """Yields the sources that have the slug, in order: the name of each, and a function that makes its block.

    Raises:
        UnknownBlockError: It is not a slug.
    """
    kind, _, name = slug.partition("/")
    if not (kind and name) or "/" in name:
        _refuse_slug(slug, settings, catalog)
    defined = _defined.get(slug)
    if defined is not None:
        yield _THIS_PROCESS, lambda: defined
    variables = from_environment(slug, settings)
    if variables is not None:
        yield variables.source, lambda: _from_raw(variables, settings)
    if slug in settings.blocks:
        yield settings.sources[f"blocks.{slug}"], lambda: _from_raw(from_file(slug, settings), settings)
    document = (catalog or catalog_of(settings)).block(slug)
    if document is not None:
        yield _saved_in(settings), lambda: _from_document(document, settings)


def _from_raw(raw: RawBlock, settings: Settings) -> StorageBlock:
    kind = raw.slug.partition("/")[0]
    cls = block_class(kind, settings, f"The block {raw.slug!r} ({raw.source}) cannot be used")
    return _shared(raw.slug, (cls, raw), lambda: build(cls, raw))


def _from_document(document: BlockDocument, settings: Settings) -> StorageBlock:
    source = _saved_in(settings)
    cls = block_class(document.type, settings, f"The block {document.slug!r} ({source}) cannot be used")

    def make() -> StorageBlock:
        secrets = decrypt(document.secrets, settings, block=document.slug) if document.secrets else {}
        fields = {**document.fields, **secrets}
        refuse_of_projects(fields, f"The block {document.slug!r} of {source}", settings)
        return build(cls, RawBlock(document.slug, source, fields, {}))

    # The key is part of what it was made of: after a change of key, secrets that it opened do not open any more. So is who
    # has named the home: a project's own catalog has no say in whom to believe.
    made_of = (cls, document, settings.home, settings.sources.get("home"), settings.environ.get(SECRET_KEY))
    return _shared(document.slug, made_of, make)


def forget(slug: str, /) -> None:
    """Removes the block that was made from a source of the slug from the cache."""
    _cached.pop(slug, None)


def _shared(slug: str, made_of: Any, make: Callable[[], StorageBlock]) -> StorageBlock:
    before = _cached.get(slug)
    if before is not None and before[0] == made_of:
        return before[1]
    block = make()
    _cached[slug] = made_of, block
    return block


def block_class(kind: str, settings: Settings, problem: str, /) -> type[StorageBlock]:
    """Returns the class of a storage type.

    Raises:
        PluginError, ConfigurationError: Beginning with the `problem`.
    """
    try:
        return cast("type[StorageBlock]", registry.load("storage", kind, prefer=settings.plugins_prefer))
    except (PluginError, ConfigurationError) as error:
        raise type(error)(f"{problem}. {error}") from error


def catalog_of(settings: Settings, /) -> Catalog:
    """Returns the open catalog of the settings; imports it only here, as most slugs are found without it."""
    from holdall.catalog.open import open_catalog

    return open_catalog(settings)


def _saved_in(settings: Settings) -> str:
    return f"the catalog in {settings.home}"


def check_name(name: str, /) -> None:
    """Checks the name of a block.

    Raises:
        ConfigurationError: No block may have it.
    """
    if not _NAME.fullmatch(name) or name.startswith(ANONYMOUS):
        raise ConfigurationError(
            f"{name!r} is no name for a block. A name has letters and digits, and single '-', '_' or '.' between them, "
            f"as in prod or eu-west.2; it does not begin with {ANONYMOUS!r}."
        )


def _refuse_slug(slug: str, settings: Settings | None = None, catalog: Catalog | None = None) -> NoReturn:
    known = f" {_known(slug, settings, catalog)}" if settings is not None else ""
    folder = "" if slug.startswith("/") or not slug else f" The folder of that name is written ./{shown(slug)}."
    raise UnknownBlockError(
        f"{shown(slug)!r} is no slug of a block: that has a type and a name, as s3/prod.{folder} A place elsewhere is a URL, "
        f"as s3://bucket/prefix.{known}"
    )


def refuse_unknown(slug: str, settings: Settings, catalog: Catalog | None, /) -> NoReturn:
    """Raises `UnknownBlockError` with the known slugs, the nearest of them, and what to do."""
    kind = slug.partition("/")[0]
    try:
        registry.find("storage", kind, prefer=settings.plugins_prefer)
    except (PluginError, UnknownBlockError) as error:
        way_out = str(error)
    else:
        name, prefix = slug.partition("/")[2], variable_prefix(slug)
        way_out = f"Save one with .save({name!r}), or set {prefix}<FIELD>."
    raise UnknownBlockError(
        f"No storage block is saved or configured as {shown(slug)!r}. {_known(slug, settings, catalog)} {way_out}"
    )


def _known(slug: str, settings: Settings, catalog: Catalog | None) -> str:
    known = sorted({entry.slug for entry in listing(settings, catalog=catalog)})
    near = suggest(slug, known)
    suggestion = f"Did you mean {near!r}? " if near else ""
    return f"{suggestion}Known: {', '.join(known) or 'none'}."
