"""Reopens the storage of a recorded location, with the credentials that this process has for it."""

from __future__ import annotations

import json
import time
import warnings
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

from holdall._pydantic_errors import describe
from holdall.abc.component import HOW
from holdall.blocks.fields import refuse_of_projects, variable_prefix
from holdall.blocks.lookup import ANONYMOUS, configured, find
from holdall.blocks.secrets import decrypt, encrypt
from holdall.catalog.open import open_catalog
from holdall.errors import (
    CatalogError,
    ConfigurationError,
    HoldallWarning,
    PluginError,
    PluginMissingError,
    StorageError,
)
from holdall.plugins import registry
from holdall.security.redact import masked
from holdall.storage.guard import guard
from holdall.types import BlockDocument, StorageReference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from holdall.abc.block import StorageBlock
    from holdall.settings.model import Settings

_unsaved: dict[str, dict[str, Any]] = {}
"""Secrets of blocks without a slug that could not be encrypted here, by their name in the catalog."""


def storage_at(where: StorageReference, settings: Settings) -> StorageBlock:
    """Returns the block at a recorded location.

    Raises:
        UnknownBlockError, PluginError: Its slug or its type is unknown here.
        ConfigurationError: The slug leads to another type or another endpoint today, or the location is at a server that
            nothing here is configured for; credentials are sent nowhere else.
    """
    if where.slug is None:
        cls = cast("type[StorageBlock]", registry.load("storage", where.type, prefer=settings.plugins_prefer))
        secrets = _unsaved.get(_anonymous(where))
        if secrets is None:
            document = _stored_block(where, settings)
            if document is None:
                _refuse_stranger(cls, where, settings)
            token = None if document is None else document.secrets
            secrets = {} if token is None else decrypt(token, settings, block=_anonymous(where))
            refuse_of_projects(secrets, f"The catalog in {settings.home}", settings)
        return _block_at(cls, where.location, {}, secrets)
    block = find(where.slug, settings)
    location = guard(block).location()
    if block.slug == where.type and location == dict(where.location):
        return block
    secrets = block.secret_values()
    mine, recorded = block.endpoint_of(location), block.endpoint_of(where.location)
    differing = [name for name in mine if mine[name] != recorded[name]]
    if block.slug != where.type or (secrets and differing):
        what = (
            f"type {block.slug!r}"
            if block.slug != where.type
            else f"{differing[0]} {masked(location.get(differing[0]))!r}"
        )
        raise ConfigurationError(
            f"The result was written to {masked(where.location)} by the block {where.slug!r}, which has the {what} here: "
            "its credentials are not sent to another place. Configure the block as it was, or read with storage=…."
        )
    if differing:
        _refuse_stranger(type(block), where, settings)
    # How it signs in, and all else that says nothing of the place, is as it is here today.
    here = {name: value for name, value in block.plain_fields().items() if name not in {*location, *mine}}
    return _block_at(type(block), where.location, here, secrets).with_slug(where.slug)


def _refuse_stranger(cls: type[StorageBlock], where: StorageReference, settings: Settings) -> None:
    """Refuses a server that only a reference names: reading would send it the credentials of the environment.

    Raises:
        ConfigurationError: Nothing here is configured for the server, and nothing was written to it from here.
    """
    server = cls.server_of(where.location)
    if server is None or any(cls.server_of(each) == server for each in _locations(where.type, settings)):
        return
    variable = variable_prefix(f"{where.type}/name")
    raise ConfigurationError(
        f"The result lies at {masked(server)}, which no {where.type} block here is configured for, and a reference alone is "
        "no reason to send credentials there. If you know that server, configure a block for it (save one with "
        f".save('name'), or set {variable}<FIELD>), or read with holdall.load_result(key=…, storage=…)."
    )


def _locations(kind: str, settings: Settings) -> Iterator[Mapping[str, Any]]:
    """Yields locations of blocks of that type: those configured here, and those that this catalog has stored."""
    for slug in configured(settings):
        with suppress(ConfigurationError, PluginError, StorageError):
            block = find(slug, settings)
            if block.slug == kind:
                yield guard(block).location()
    with suppress(CatalogError):
        yield from (each.fields for each in open_catalog(settings).blocks() if each.type == kind)


def _block_at(
    cls: type[StorageBlock], location: Mapping[str, Any], how: Mapping[str, Any], secrets: Mapping[str, str]
) -> StorageBlock:
    """Makes a block with the `how` and `secrets` of this process at a location that stored data names.

    Raises:
        ConfigurationError: The location is not valid, or has fields that only this process may set.
    """
    foreign = sorted(HOW.intersection(location))
    if foreign:
        raise ConfigurationError(
            f"A reference says where a result lies, and this one has {', '.join(foreign)} beside the place of its {cls.slug} "
            "block: how a storage is used and whom to believe there is not for stored data to say. Configure the block "
            "here, and read by its slug."
        )
    try:
        return cls.model_validate({**how, **location, **secrets})
    except ValueError as error:
        raise ConfigurationError(
            f"A {cls.slug} block cannot be made from the recorded {masked(location)}: {describe(error)}"
        ) from None


def remember(block: StorageBlock, settings: Settings) -> None:
    """Stores the location of a block without a slug, and its secrets, encrypted, for other processes with this catalog.

    Stores nothing if it has no secrets and is at no server but its platform's own. Secrets that cannot be encrypted here
    stay in this process, whose reads find them, and are written nowhere.
    """
    secrets = block.secret_values()
    where = StorageReference.of(guard(block))
    if where.slug is not None or not (secrets or block.server_of(where.location) is not None):
        return
    try:
        token = encrypt(secrets, settings, block=block.slug) if secrets else None
    except PluginMissingError as error:
        _unsaved[_anonymous(where)] = secrets
        warnings.warn(
            f"The {block.slug} block has no slug, and its credentials could not be kept, so other processes cannot read its "
            f"results unless a block of theirs is configured for it. {error}",
            HoldallWarning,
            stacklevel=2,
        )
        return
    _unsaved.pop(_anonymous(where), None)
    document = BlockDocument(
        slug=_anonymous(where), type=block.slug, fields=where.location, secrets=token, created=time.time()
    )
    try:
        open_catalog(settings).save_block(document, overwrite=True)
    except CatalogError as error:
        warnings.warn(
            f"The {block.slug} block has no slug, and its place and credentials could not be kept, so other processes "
            f"cannot read its results unless a block of theirs is configured for it: {error}",
            HoldallWarning,
            stacklevel=2,
        )


def _stored_block(where: StorageReference, settings: Settings) -> BlockDocument | None:
    try:
        return open_catalog(settings).block(_anonymous(where))
    except CatalogError as error:
        warnings.warn(
            f"The {where.type} block has no slug, and the catalog cannot say whether it keeps credentials for it, so "
            f"the result is read with those of the environment, if at all: {error}",
            HoldallWarning,
            stacklevel=2,
        )
        return None


def _anonymous(where: StorageReference) -> str:
    place = json.dumps(dict(where.location), sort_keys=True)
    return f"{where.type}/{ANONYMOUS}{sha256(place.encode()).hexdigest()[:16]}"
