"""`holdall key new`: makes keys for signing and encryption."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdall_cli.views.output import Json, pairs, print_json, remark, say

app = typer.Typer(help="Keys that sign and encrypt.")


@app.command()
def new(
    *,
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="hmac: one secret, for HOLDALL_SIGNING_KEY, HOLDALL_ENCRYPTION_KEY or HOLDALL_SECRET_KEY. ed25519: a pair "
            "that signs, of which readers need the public key alone; with holdall-crypto.",
        ),
    ] = "hmac",
    key_id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="The key's name in records; without one, it is made of the key."),
    ] = None,
    as_json: Json = False,
) -> None:
    """A new key on standard output; it is stored nowhere.

    Of a pair, the private key goes into HOLDALL_SIGNING_KEY of those who write, the public one into HOLDALL_TRUSTED_SIGNERS of
    those who read.

    JSON: an object with kind, id, private, public (null for hmac).
    """
    from holdall.abc.signature import Signer
    from holdall.errors import ConfigurationError
    from holdall.results import signing_keys

    if key_id is not None and not signing_keys.is_id(key_id):
        raise ConfigurationError(
            f"{key_id!r} is no id of a key: 1 to 64 letters, digits, dots, underscores or hyphens, as in 2026-11."
        )
    scheme = signing_keys.scheme("hmac-sha256" if kind == "hmac" else kind)
    secret = scheme.generate()
    made = Signer(scheme=scheme, id=key_id or signing_keys.own_id(scheme.public(secret)), private=secret)
    private = signing_keys.text_of(made, "private", secret)
    if scheme.symmetric and key_id is None:
        private = private.partition(":")[2]  # HOLDALL_SECRET_KEY takes no ids, and a key without one names itself
    public = None if scheme.symmetric else signing_keys.text_of(made, "public", made.public)
    if as_json:
        document: dict[str, Any] = {"kind": kind, "id": made.id, "private": private, "public": public}
        print_json(document)
    elif public is None:
        say(private)
    else:
        say(f"A pair of {kind} keys, {made.id}")
        pairs((("private", private), ("public", public)))
        remark(
            "The private key goes into HOLDALL_SIGNING_KEY of those who write, the public one into HOLDALL_TRUSTED_SIGNERS of "
            "those who read."
        )
