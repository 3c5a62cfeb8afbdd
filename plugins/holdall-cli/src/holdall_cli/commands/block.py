"""`holdall block`: storage blocks by slug."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdall_cli.views.output import (
    HIDDEN,
    Json,
    confirmed,
    duration,
    pairs,
    print_json,
    remark,
    say,
    table,
    working,
)

if TYPE_CHECKING:
    from holdall.abc.storage import Storage
    from holdall.storage.check import Verdict

app = typer.Typer(help="Places to keep results, named as s3/prod.")

_Slug = Annotated[str, typer.Argument(metavar="SLUG", help="Type and name, as s3/prod.")]


@app.command("ls")
def ls(*, as_json: Json = False) -> None:
    """The blocks of every place that is asked for one.

    JSON: a list of objects with slug, type, source, shadowed_by (the place that is asked before it, or null).
    """
    from holdall import blocks
    from holdall.catalog.open import open_catalog
    from holdall.settings import current

    settings = current()
    entries = blocks.listing(settings, catalog=open_catalog(settings, create=False))
    if as_json:
        print_json([asdict(each) for each in entries])
    elif entries:
        hidden = {each: f" (not used: {each.shadowed_by} comes first)" for each in entries if each.shadowed_by}
        table(
            ("SLUG", "TYPE", "FROM"), ((each.slug, each.type, each.source + hidden.get(each, "")) for each in entries)
        )
    else:
        remark("No blocks yet. Make one: holdall block create s3/prod --set bucket_path=my-bucket/results")


@app.command()
def show(slug: _Slug, *, as_json: Json = False) -> None:
    """A block with its fields, secrets hidden.

    JSON: an object with slug, type, source, fields (a secret that is set is **********), secrets (the names of the
    fields that are secrets), location (what a reference records).
    """
    from holdall import blocks
    from holdall.catalog.open import open_catalog
    from holdall.settings import current

    settings = current()
    catalog = open_catalog(settings, create=False)
    block = blocks.find(slug, settings, catalog=catalog)
    sources = [each.source for each in blocks.listing(settings, catalog=catalog) if each.slug == slug]
    secrets = sorted(block.secret_fields())
    fields: dict[str, Any] = block.model_dump(mode="json")
    fields |= {name: HIDDEN if getattr(block, name) is not None else None for name in secrets}
    # A slug in the environment is written without its separators, so it may be listed under another spelling.
    source = sources[0] if sources else "environment variables"
    if as_json:
        print_json(
            {
                "slug": slug,
                "type": block.slug,
                "source": source,
                "fields": fields,
                "secrets": secrets,
                "location": block.location(),
            }
        )
        return
    say(f"The block {slug} is of type {block.slug} and comes from {source}.")
    pairs((name, "-" if value is None else value) for name, value in fields.items())
    if sources[1:]:
        remark(f"Also configured, and not used: {', '.join(sources[1:])}.")


@app.command()
def create(
    slug: _Slug,
    *,
    given: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="A field; JSON where it is no text.")
    ] = None,
    from_env: Annotated[
        list[str] | None,
        typer.Option("--set-env", metavar="FIELD=VAR", help="A field from an environment variable, for secrets."),
    ] = None,
    prompted: Annotated[
        list[str] | None, typer.Option("--prompt", metavar="FIELD", help="A field to ask for, without showing it.")
    ] = None,
    unchecked: Annotated[bool, typer.Option("--no-check", help="Save it without trying whether it works.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a block that is saved already.")] = False,
) -> None:
    """Make a block, check it, and save it, its secrets encrypted.

    In a terminal it asks for the fields: for all that matter where none is given, else for those that are required and
    missing. `holdall plugin show storage.s3` explains the fields of a type. Then the block is tried, as by `holdall
    block check`; one that fails is saved only when told.

    Give secrets at the prompt, by --set-env or by --prompt: what follows --set stays in the history of the shell.
    """
    from holdall import blocks
    from holdall.blocks import fields as _block_fields
    from holdall.catalog.open import open_catalog
    from holdall.errors import ConfigurationError
    from holdall.plugins import registry
    from holdall.settings import current
    from holdall_cli.views import prompts

    kind, _, name = slug.partition("/")
    if not kind or not name:
        raise typer.BadParameter(f"{slug!r} has no type and name, as s3/prod has.", param_hint="SLUG")
    fields = prompts.given_fields(given or [], from_env or [])
    settings = current()
    cls = registry.load("storage", kind, prefer=settings.plugins_prefer)
    blocks.check_name(name)
    if not overwrite and open_catalog(settings).block(slug) is not None:
        raise ConfigurationError(
            f"A block is saved as {slug} already; `holdall block show {slug}` shows it. Save under another name, or "
            "replace it with --overwrite."
        )
    fields = prompts.ask(cls, fields, prompted or [])
    block = _block_fields.build(cls, _block_fields.RawBlock(slug, "as given", fields, {}))
    if not unchecked:
        outcome = _tried(block.resolved(os.getcwd()), slug)
        _show(outcome)
        if wrong := _failed(outcome):
            _refuse_unless_told(slug, wrong)
    blocks.save(block, name, overwrite=overwrite, settings=settings)
    say(f"Saved {slug} in the catalog in {settings.home}. Use it as result_storage={slug!r}.")
    exposed = sorted(block.secret_fields() & {each.partition("=")[0].strip() for each in given or []})
    if exposed:
        remark(f"{', '.join(exposed)} may be in the history of your shell; --set-env and --prompt keep it out.")
    first = next(each for each in blocks.listing(settings) if each.slug == slug)
    if not first.source.startswith("the catalog"):
        remark(f"{slug} is also configured in {first.source}, which comes first, so what was saved is not used here.")


@app.command("check")
def check(
    storage: Annotated[str, typer.Argument(metavar="SLUG", help="Type and name, as s3/prod; or a URL or a path.")],
    *,
    as_json: Json = False,
) -> None:
    """Try whether a storage does what results need.

    Reach, list, write, read, read a range, create only where nothing is, delete; then latency and throughput. What it
    writes it deletes. The exit status is 1 where something failed. A warning keeps nobody from using the storage.

    JSON: a list of objects with check, outcome (ok, warning, failed or skipped), message, seconds.
    """
    from holdall import blocks
    from holdall.settings import current

    place = blocks.from_value(storage, settings=current(), directory=os.getcwd())
    outcome = _tried(place, storage)
    if as_json:
        print_json([asdict(each) for each in outcome])
    else:
        _show(outcome)
    if _failed(outcome):
        raise typer.Exit(1)


@app.command()
def delete(
    slugs: Annotated[list[str], typer.Argument(help="Type and name, as s3/prod.", metavar="SLUG...")],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete saved blocks.

    They are deleted from the catalog; what they keep stays where it is.
    """
    from holdall import blocks
    from holdall.catalog.open import open_catalog
    from holdall.settings import current

    settings = current()
    catalog = open_catalog(settings, create=False)
    for slug in slugs:
        if catalog.block(slug) is not None:
            confirmed(f"Delete the block {slug} from the catalog? Results that name it may become unreadable.", yes=yes)
        blocks.delete(slug, catalog=catalog, settings=settings)
        say(f"Deleted {slug}.")


def _refuse_unless_told(slug: str, failed: list[str]) -> None:
    """Asks in a terminal whether to save the block all the same; raises elsewhere."""
    from holdall.errors import ConfigurationError

    said = f"{slug} was not saved: {', '.join(failed)} failed."
    advice = "Put right what the table says, or save it as it is with --no-check."
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigurationError(f"{said} {advice}")
    if not typer.confirm(f"{', '.join(failed)} failed. Save {slug} all the same?", err=True):
        remark(f"{said} {advice}")
        raise typer.Exit(1)


def _tried(storage: Storage, name: str, /) -> list[Verdict]:
    """Runs every check of a storage while a spinner turns."""
    from holdall.storage.check import check

    with working(f"Checking {name}"):
        return list(check(storage))


def _show(verdicts: list[Verdict], /) -> None:
    table(
        ("CHECK", "VERDICT", "TOOK", "FOUND"),
        (
            (each.check, each.outcome, "" if each.outcome == "skipped" else duration(each.seconds), each.message)
            for each in verdicts
        ),
    )


def _failed(verdicts: list[Verdict], /) -> list[str]:
    return [each.check for each in verdicts if each.outcome == "failed"]
