"""From a recorded place back to a storage: the location as it was written, the credentials as they are here today."""

from __future__ import annotations

import json
import time
import warnings
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

from holdall import _registry, blocks, vault
from holdall._block_fields import said_by
from holdall.catalogs import open_catalog
from holdall.errors import CatalogError, ConfigurationError, HoldallWarning
from holdall.redact import masked
from holdall.types import BlockDocument

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdall.abc.block import StorageBlock
    from holdall.results import StorageReference
    from holdall.settings import Settings


def storage_at(where: StorageReference, settings: Settings) -> StorageBlock:
    """The block at a recorded place.

    Raises:
        UnknownBlockError, PluginError: its slug or its type means nothing here.
        ConfigurationError: the slug leads to another type or another endpoint today; credentials are sent nowhere else.
    """
    if where.slug is None:
        cls = cast("type[StorageBlock]", _registry.load("storage", where.type, prefer=settings.plugins_prefer))
        return _made(cls, where.location, _remembered(where, settings))
    block = blocks.find(where.slug, settings)
    if block.slug == where.type and block.location() == dict(where.location):
        return block
    secrets = block.secret_values()
    mine, recorded = block.endpoint_of(block.location()), block.endpoint_of(where.location)
    differing = [name for name in mine if mine[name] != recorded[name]]
    if block.slug != where.type or (secrets and differing):
        what = (
            f"type {block.slug!r}"
            if block.slug != where.type
            else f"{differing[0]} {masked(block.location().get(differing[0]))!r}"
        )
        raise ConfigurationError(
            f"The result was written to {masked(where.location)} by the block {where.slug!r}, which has the {what} here: "
            "its credentials are not sent to another place. Configure the block as it was, or read with storage=…."
        )
    return _made(type(block), where.location, secrets).named(where.slug)


def _made(cls: type[StorageBlock], location: Mapping[str, Any], secrets: Mapping[str, str]) -> StorageBlock:
    try:
        return cls.model_validate({**location, **secrets})
    except ValueError as error:
        raise ConfigurationError(
            f"A {cls.slug} block cannot be made from the recorded {masked(location)}: {said_by(error)}"
        ) from None


def remember(block: StorageBlock, settings: Settings) -> None:
    """Keep the secrets of a block without a slug, encrypted, for other processes with this catalog."""
    secrets = block.secret_values()
    if block.block_slug is not None or not secrets:
        return
    document = BlockDocument(
        slug=_anonymous(block.slug, block.location()),
        type=block.slug,
        fields=block.location(),
        secrets=vault.encrypt(secrets, settings),
        created=time.time(),
    )
    try:
        open_catalog(settings).save_block(document, overwrite=True)
    except CatalogError as error:
        warnings.warn(
            f"The {block.slug} block has no slug, and its credentials could not be kept, so other processes read its "
            f"results with the credentials of their own environment: {error}",
            HoldallWarning,
            stacklevel=2,
        )


def _remembered(where: StorageReference, settings: Settings) -> dict[str, str]:
    slug = _anonymous(where.type, where.location)
    try:
        document = open_catalog(settings).block(slug)
    except CatalogError as error:
        warnings.warn(
            f"The {where.type} block has no slug, and the catalog cannot say whether it keeps credentials for it, so "
            f"the result is read with those of the environment: {error}",
            HoldallWarning,
            stacklevel=2,
        )
        return {}
    if document is None or document.secrets is None:
        return {}
    return vault.decrypt(document.secrets, settings, block=slug)


def _anonymous(kind: str, location: Mapping[str, Any]) -> str:
    place = json.dumps(dict(location), sort_keys=True)
    return f"{kind}/{blocks.ANONYMOUS}{sha256(place.encode()).hexdigest()[:16]}"
