"""Saves, loads and deletes storage blocks in the catalog: what users call, with the settings of their process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from holdall.blocks.fields import RawBlock, build
from holdall.blocks.lookup import block_class, catalog_of, check_name, find, forget, refuse_unknown, sources
from holdall.blocks.secrets import encrypt
from holdall.errors import ConfigurationError
from holdall.settings.model import current
from holdall.types import BlockDocument

if TYPE_CHECKING:
    from holdall.abc import Catalog, StorageBlock
    from holdall.settings.model import Settings


def save(
    block: StorageBlock,
    name: str,
    /,
    *,
    overwrite: bool = False,
    catalog: Catalog | None = None,
    settings: Settings | None = None,
) -> str:
    """Saves a block in the catalog as `<type>/<name>`, secrets encrypted.

    Args:
        block: Of any type that is registered under its slug.
        name: Letters and digits, with single `-`, `_` or `.` between them.
        overwrite: Replace a block that is saved under the slug.
        catalog: By default that of the settings.
        settings: By default those of this process.

    Returns:
        The slug.

    Raises:
        ConfigurationError: The name is taken and `overwrite` is false, or it is not a name for a block; or the block
            would not come back as it is.
        PluginMissingError: It holds secrets, and what encrypts them is not installed.
    """
    settings = settings or current()
    check_name(name)
    kind = type(block)
    slug = f"{kind.slug}/{name}"
    document = BlockDocument(slug=slug, type=kind.slug, fields=block.plain_fields(), created=time.time())
    secrets = block.secret_values()
    registered = block_class(kind.slug, settings, f"{slug!r} cannot be saved")
    if registered is not kind:
        raise ConfigurationError(
            f"{slug!r} cannot be saved: the storage type {kind.slug!r} is {registered.__module__}.{registered.__qualname__}, and "
            f"this block is a {kind.__module__}.{kind.__qualname__}. Give its class a slug of its own and register it."
        )
    if build(kind, RawBlock(slug, "as saved", {**document.fields, **secrets}, {})) != block:
        raise ConfigurationError(
            f"{slug!r} cannot be saved: its JSON makes another block. Every field of {kind.__name__} must come back "
            "from model_dump(mode='json'), and a secret must be a field of its own, a SecretStr or SecretBytes."
        )
    if secrets:
        token = encrypt(secrets, settings, block=slug)
        document = BlockDocument(
            slug=slug, type=document.type, fields=document.fields, secrets=token, created=document.created
        )
    (catalog or catalog_of(settings)).save_block(document, overwrite=overwrite)
    return slug


def load(slug: str, /, *, expected: type[StorageBlock] | None = None) -> StorageBlock:
    """Returns the block under a slug, by the settings of this process.

    Args:
        slug: As `s3/prod`; with a concrete class expected, its name alone is enough.
        expected: The class that it must be an instance of.

    Raises:
        UnknownBlockError: No source has it.
        ConfigurationError: It is not an `expected`, or cannot be made.
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
    """Deletes a saved block from the catalog.

    Args:
        slug: As `s3/prod`.
        catalog: By default that of the settings.
        settings: By default those of this process.

    Raises:
        UnknownBlockError: No source has it.
        ConfigurationError: It is not in the catalog, but configured elsewhere; the message says where.
    """
    settings = settings or current()
    catalog = catalog or catalog_of(settings)
    forget(slug)
    if catalog.delete_block(slug):
        return
    elsewhere = [source for source, _ in sources(slug, settings, catalog)]
    if not elsewhere:
        refuse_unknown(slug, settings, catalog)
    raise ConfigurationError(
        f"The block {slug!r} is not in the catalog: it comes from {elsewhere[0]}. Remove it there."
    )
