"""Storage blocks by slug: `s3/prod` -> block; saved, configured, listed; and what else names a storage.

A slug is looked up in this process, the environment, the configuration file, the catalog. The first that has it wins as
a whole: fields of two sources are never mixed.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, cast

from holdall._pydantic_errors import describe
from holdall.abc.storage import Storage
from holdall.blocks import fields as block_fields
from holdall.blocks import secrets as vault
from holdall.blocks import urls
from holdall.errors import ConfigurationError, PluginError, UnknownBlockError
from holdall.plugins import registry
from holdall.security.redact import masked, shown
from holdall.settings.model import current
from holdall.settings.sources import SECRET_KEY
from holdall.storage.guard import guard
from holdall.suggest import suggest
from holdall.types import BlockDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdall.abc import Catalog, StorageBlock
    from holdall.settings.model import Settings

ANONYMOUS = "anonymous-"
"""How the names begin under which the catalog keeps secrets of blocks that have no slug."""
_NAME = re.compile(r"[A-Za-z0-9]+(?:[-_.][A-Za-z0-9]+)*")
_THIS_PROCESS = "this process"

_defined: dict[str, StorageBlock] = {}
# Blocks that were made from the same source come back as the same object, so that its clients are shared.
_made: dict[str, tuple[Any, StorageBlock]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockEntry:
    """One place that has a block under a slug; `shadowed_by` is the place that is asked before it, or None."""

    slug: str
    type: str
    source: str
    shadowed_by: str | None


def define(slug: str, block: StorageBlock, /) -> None:
    """Make a block known to this process alone, before all other places. A later definition replaces an earlier one.

    Any type will do, so that a test can put a `MemoryFileSystem` in the place of `s3/prod`.
    """
    kind, _, name = slug.partition("/")
    if not kind:
        _refuse_slug(slug)
    check_name(name)
    _defined[slug] = block.with_slug(slug)


def undefine(slug: str, /) -> None:
    """Take back a `define`; nothing happens where there was none."""
    _defined.pop(slug, None)


def save(
    block: StorageBlock,
    name: str,
    /,
    *,
    overwrite: bool = False,
    catalog: Catalog | None = None,
    settings: Settings | None = None,
) -> str:
    """Keep a block in the catalog as `<type>/<name>`, secrets encrypted; returns that slug.

    Raises:
        ConfigurationError: the name is taken and `overwrite` is false, or it is no name; or the block would not come
            back as it is.
        PluginMissingError: it holds secrets, and what encrypts them is not installed.
    """
    settings = settings or current()
    check_name(name)
    kind = type(block)
    slug = f"{kind.slug}/{name}"
    document = BlockDocument(slug=slug, type=kind.slug, fields=block.plain_fields(), created=time.time())
    secrets = block.secret_values()
    found = _class(kind.slug, settings, f"{slug!r} cannot be saved")
    if found is not kind:
        raise ConfigurationError(
            f"{slug!r} cannot be saved: the storage type {kind.slug!r} is {found.__module__}.{found.__qualname__}, and "
            f"this block is a {kind.__module__}.{kind.__qualname__}. Give its class a slug of its own and register it."
        )
    if block_fields.build(kind, block_fields.RawBlock(slug, "as saved", {**document.fields, **secrets}, {})) != block:
        raise ConfigurationError(
            f"{slug!r} cannot be saved: its JSON makes another block. Every field of {kind.__name__} must come back "
            "from model_dump(mode='json'), and a secret must be a field of its own, a SecretStr or SecretBytes."
        )
    if secrets:
        token = vault.encrypt(secrets, settings, block=slug)
        document = BlockDocument(
            slug=slug, type=document.type, fields=document.fields, secrets=token, created=document.created
        )
    (catalog or _catalog(settings)).save_block(document, overwrite=overwrite)
    return slug


def load(slug: str, /, *, expected: type[StorageBlock] | None = None) -> StorageBlock:
    """The block under a slug; with a concrete class expected, its name alone will do.

    Raises:
        UnknownBlockError: no place has it.
        ConfigurationError: what is there is no `expected`, or cannot be made.
    """
    own = getattr(expected, "slug", None)
    if "/" not in slug and own:
        slug = f"{own}/{slug}"
    block = find(slug, current())
    if expected is not None and not isinstance(block, expected):
        raise ConfigurationError(
            f"The block {slug!r} is a {type(block).__name__}, and a {expected.__name__} was asked for."
        )
    return block


def delete(slug: str, /, *, catalog: Catalog | None = None, settings: Settings | None = None) -> None:
    """Remove a saved block from the catalog.

    Raises:
        UnknownBlockError: nothing has it.
        ConfigurationError: it is not in the catalog, and configured elsewhere; says where.
    """
    settings = settings or current()
    catalog = catalog or _catalog(settings)
    _made.pop(slug, None)
    if catalog.delete_block(slug):
        return
    places = [place for place, _ in _sources(slug, settings, catalog)]
    if not places:
        _refuse_unknown(slug, settings, catalog)
    raise ConfigurationError(f"The block {slug!r} is not in the catalog: it comes from {places[0]}. Remove it there.")


def find(slug: str, settings: Settings, /, *, catalog: Catalog | None = None) -> StorageBlock:
    """The block under a slug, from the first place that has it.

    Raises:
        UnknownBlockError: no place has it; with the known slugs, the nearest spelling, an install line where it helps.
        PluginMissingError: it is configured, and the plugin of its type is not installed, or what decrypts its secrets.
        ConfigurationError: its fields are not right, or its secrets cannot be opened.
        CatalogError: the catalog was asked, and could not answer.
    """
    first = next(_sources(slug, settings, catalog), None)
    if first is None:
        _refuse_unknown(slug, settings, catalog)
    _, make = first
    return make()


def from_value(value: Any, *, settings: Settings, directory: str) -> Storage:
    """The storage that a `result_storage` option means; relative paths are taken from `directory`.

    A block or another storage; a `pathlib.Path`; or a string, read by its form alone: with `://` a URL, beginning with
    `/`, `./`, `../`, `~` or a drive a path, and every other string a slug.

    Raises:
        ConfigurationError: it is none of these, or the URL does not fit the block that its scheme belongs to.
        And what `find` raises.
    """
    if isinstance(value, Storage):
        return _resolved(value, directory)
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(text, str) or not text.strip():
        made = f" Make an instance: {value.__name__}(…)." if isinstance(value, type) else ""
        raise ConfigurationError(
            f"{masked(value)!r} cannot be a storage.{made} A storage is a block such as LocalFileSystem(basepath='results'), a "
            "pathlib.Path, or a string: a slug (s3/prod), a path (./results) or a URL (s3://bucket/prefix)."
        )
    path = urls.path(value, directory)
    if path is not None:
        return _folder(path)
    urls.refuse_secret(text)
    found = _at_url(text, settings) if urls.form(text) == "url" else find(text, settings)
    return _resolved(found, directory)


def listing(settings: Settings | None = None, /, *, catalog: Catalog | None = None) -> list[BlockEntry]:
    """Every block in every place, by slug; those of one slug in the order in which they are asked."""
    settings = settings or current()
    kinds = {slug: (block.slug, _THIS_PROCESS) for slug, block in _defined.items()}
    files = {slug: (slug.partition("/")[0], settings.sources[f"blocks.{slug}"]) for slug in settings.blocks}
    place = _saved_in(settings)
    documents = (catalog or _catalog(settings)).blocks()
    saved = {each.slug: (each.type, place) for each in documents if f"/{ANONYMOUS}" not in each.slug}
    variables = block_fields.slugs_in_environment(settings)
    environment = {}
    for slug in {*kinds, *files, *saved}:
        prefix = block_fields.variable_prefix(slug)
        if prefix in variables:
            environment[slug] = (slug.partition("/")[0], f"environment variables {prefix}*")
    spelt = {block_fields.variable_prefix(slug) for slug in environment}
    for prefix, slug in variables.items():
        if prefix not in spelt:
            environment[slug] = (slug.partition("/")[0], f"environment variables {prefix}*")
    entries = []
    winners: dict[str, str] = {}
    for found in (kinds, environment, files, saved):
        for slug, (kind, source) in found.items():
            entries.append(BlockEntry(slug=slug, type=kind, source=source, shadowed_by=winners.get(slug)))
            winners.setdefault(slug, source)
    return sorted(entries, key=lambda entry: entry.slug)


def configured(settings: Settings, /) -> list[str]:
    """The slugs that this process, the environment and the configuration files have; the catalog is not asked."""
    return sorted({*_defined, *settings.blocks, *block_fields.slugs_in_environment(settings).values()})


def _sources(
    slug: str, settings: Settings, catalog: Catalog | None
) -> Iterator[tuple[str, Callable[[], StorageBlock]]]:
    """The places that have the slug, in order, each with what makes the block of it."""
    kind, _, name = slug.partition("/")
    if not (kind and name) or "/" in name:
        _refuse_slug(slug, settings, catalog)
    defined = _defined.get(slug)
    if defined is not None:
        yield _THIS_PROCESS, lambda: defined
    variables = block_fields.from_environment(slug, settings)
    if variables is not None:
        yield variables.source, lambda: _from_raw(variables, settings)
    if slug in settings.blocks:
        yield settings.sources[f"blocks.{slug}"], lambda: _from_raw(block_fields.from_file(slug, settings), settings)
    document = (catalog or _catalog(settings)).block(slug)
    if document is not None:
        yield _saved_in(settings), lambda: _from_document(document, settings)


def _from_raw(raw: block_fields.RawBlock, settings: Settings) -> StorageBlock:
    kind = raw.slug.partition("/")[0]
    cls = _class(kind, settings, f"The block {raw.slug!r} ({raw.source}) cannot be used")
    return _shared(raw.slug, (cls, raw), lambda: block_fields.build(cls, raw))


def _from_document(document: BlockDocument, settings: Settings) -> StorageBlock:
    source = _saved_in(settings)
    cls = _class(document.type, settings, f"The block {document.slug!r} ({source}) cannot be used")

    def make() -> StorageBlock:
        secrets = vault.decrypt(document.secrets, settings, block=document.slug) if document.secrets else {}
        fields = {**document.fields, **secrets}
        block_fields.refuse_of_projects(fields, f"The block {document.slug!r} of {source}", settings)
        return block_fields.build(cls, block_fields.RawBlock(document.slug, source, fields, {}))

    # The key is part of what it was made of: after a change of key, secrets that it opened do not open any more. So is who
    # has named the home: a project's own catalog has no say in whom to believe.
    made_of = (cls, document, settings.home, settings.sources.get("home"), settings.environ.get(SECRET_KEY))
    return _shared(document.slug, made_of, make)


def _resolved(storage: Storage, directory: str) -> Storage:
    resolved = guard(storage).resolved(directory).inner
    if storage.block_slug is None or resolved.block_slug is not None or not isinstance(resolved, type(storage)):
        return resolved
    # A copy with an absolute path is still the block of that name.
    return cast("StorageBlock", resolved).with_slug(storage.block_slug)


def _folder(path: str) -> Storage:
    from holdall.builtin.local.directory import Directory

    return Directory(path)


def _at_url(url: str, settings: Settings) -> Storage:
    path = urls.file_path(url)
    if path is not None:
        return _folder(os.path.normpath(path))
    kind = urls.type_slug(url)
    try:
        registry.find("storage", kind, prefer=settings.plugins_prefer)
    except UnknownBlockError:
        if "fsspec" not in registry.names("storage"):
            raise ConfigurationError(
                f"{url!r} cannot be a storage: {urls.unknown_scheme(url, registry.names('storage'))}"
            ) from None
        kind = "fsspec"  # which speaks every scheme that no plugin of ours has for itself
    except PluginError:
        pass  # said below, with what it was for
    cls = _class(kind, settings, f"{url!r} cannot be a storage")
    try:
        return cls.from_url(url)
    except ValueError as error:
        raise ConfigurationError(f"{url!r} cannot be a storage: {describe(error)}") from None


def _shared(slug: str, made_of: Any, make: Callable[[], StorageBlock]) -> StorageBlock:
    before = _made.get(slug)
    if before is not None and before[0] == made_of:
        return before[1]
    block = make()
    _made[slug] = made_of, block
    return block


def _class(kind: str, settings: Settings, problem: str) -> type[StorageBlock]:
    try:
        return cast("type[StorageBlock]", registry.load("storage", kind, prefer=settings.plugins_prefer))
    except (PluginError, ConfigurationError) as error:
        raise type(error)(f"{problem}. {error}") from error


def _catalog(settings: Settings) -> Catalog:
    from holdall.catalog.open import open_catalog

    return open_catalog(settings)


def _saved_in(settings: Settings) -> str:
    return f"the catalog in {settings.home}"


def check_name(name: str, /) -> None:
    """Raises `ConfigurationError` where no block may go by that name."""
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


def _refuse_unknown(slug: str, settings: Settings, catalog: Catalog | None) -> NoReturn:
    kind = slug.partition("/")[0]
    try:
        registry.find("storage", kind, prefer=settings.plugins_prefer)
    except (PluginError, UnknownBlockError) as error:
        way_out = str(error)
    else:
        name, prefix = slug.partition("/")[2], block_fields.variable_prefix(slug)
        way_out = f"Save one with .save({name!r}), or set {prefix}<FIELD>."
    raise UnknownBlockError(
        f"No storage block is saved or configured as {shown(slug)!r}. {_known(slug, settings, catalog)} {way_out}"
    )


def _known(slug: str, settings: Settings, catalog: Catalog | None) -> str:
    known = sorted({entry.slug for entry in listing(settings, catalog=catalog)})
    near = suggest(slug, known)
    suggestion = f"Did you mean {near!r}? " if near else ""
    return f"{suggestion}Known: {', '.join(known) or 'none'}."
