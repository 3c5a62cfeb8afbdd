"""`holdall block`: storage blocks by slug."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Annotated, Any

import typer

from holdall.cli.output import HIDDEN, Json, confirmed, pairs, print_json, remark, say, table

app = typer.Typer(help="Places to keep results, named as s3/prod.")

_Slug = Annotated[str, typer.Argument(metavar="SLUG", help="Type and name, as s3/prod.")]


@app.command("ls")
def ls(*, as_json: Json = False) -> None:
    """The blocks of every place that is asked for one.

    JSON: a list of objects with slug, type, source, shadowed_by (the place that is asked before it, or null).
    """
    from holdall import blocks, settings  # noqa: PLC0415 - pydantic, which help does not need
    from holdall.cli.absent import catalog_to_read  # noqa: PLC0415 - as above

    found = settings.current()
    entries = blocks.listing(found, catalog=catalog_to_read(found))
    if as_json:
        print_json([asdict(each) for each in entries])
    elif entries:
        hidden = {each: f" (not used: {each.shadowed_by} comes first)" for each in entries if each.shadowed_by}
        table(
            ("SLUG", "TYPE", "FROM"), ((each.slug, each.type, each.source + hidden.get(each, "")) for each in entries)
        )
    else:
        remark("No blocks yet. Save one: holdall block save s3/prod --set bucket_path=my-bucket/results")


@app.command()
def show(slug: _Slug, *, as_json: Json = False) -> None:
    """A block with its fields, secrets hidden.

    JSON: an object with slug, type, source, fields (a secret that is set is **********), secrets (the names of the
    fields that are secrets), location (what a reference records).
    """
    from holdall import blocks, settings  # noqa: PLC0415 - pydantic, which help does not need
    from holdall.cli.absent import catalog_to_read  # noqa: PLC0415 - as above

    found = settings.current()
    catalog = catalog_to_read(found)
    block = blocks.find(slug, found, catalog=catalog)
    sources = [each.source for each in blocks.listing(found, catalog=catalog) if each.slug == slug]
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
def save(
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
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a block that is saved already.")] = False,
) -> None:
    """Save a block, its secrets encrypted.

    Give secrets by --set-env or --prompt: what follows --set stays in the history of the shell.
    """
    from holdall import _block_fields, _registry, blocks, settings  # noqa: PLC0415 - pydantic, not needed for help
    from holdall.catalogs import open_catalog  # noqa: PLC0415 - as above
    from holdall.errors import ConfigurationError  # noqa: PLC0415 - as above

    kind, _, name = slug.partition("/")
    if not kind or not name:
        raise typer.BadParameter(f"{slug!r} has no type and name, as s3/prod has.", param_hint="SLUG")
    fields = _fields(given or [], from_env or [], prompted or [])
    found = settings.current()
    cls = _registry.load("storage", kind, prefer=found.plugins_prefer)
    block = _block_fields.build(cls, _block_fields.RawBlock(slug, "as given", fields, {}))
    if not overwrite and open_catalog(found).block(slug) is not None:
        raise ConfigurationError(
            f"A block is saved as {slug} already; `holdall block show {slug}` shows it. Save under another name, or "
            "replace it with --overwrite."
        )
    blocks.save(block, name, overwrite=overwrite, settings=found)
    say(f"Saved {slug} in the catalog in {found.home}. Use it as result_storage={slug!r}.")
    exposed = sorted(block.secret_fields() & {each.partition("=")[0].strip() for each in given or []})
    if exposed:
        remark(f"{', '.join(exposed)} may be in the history of your shell; --set-env and --prompt keep it out.")
    first = next(each for each in blocks.listing(found) if each.slug == slug)
    if not first.source.startswith("the catalog"):
        remark(f"{slug} is also configured in {first.source}, which comes first, so what was saved is not used here.")


@app.command()
def delete(
    slugs: Annotated[list[str], typer.Argument(help="Type and name, as s3/prod.", metavar="SLUG...")],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete saved blocks.

    They are deleted from the catalog; what they keep stays where it is.
    """
    from holdall import blocks, settings  # noqa: PLC0415 - pydantic, which help does not need
    from holdall.cli.absent import catalog_to_read  # noqa: PLC0415 - as above

    found = settings.current()
    catalog = catalog_to_read(found)
    for slug in slugs:
        if catalog.block(slug) is not None:
            confirmed(f"Delete the block {slug} from the catalog? Results that name it may become unreadable.", yes=yes)
        blocks.delete(slug, catalog=catalog, settings=found)
        say(f"Deleted {slug}.")


def _fields(given: list[str], from_env: list[str], prompted: list[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for option, each in [*(("--set", each) for each in given), *(("--set-env", each) for each in from_env)]:
        name, equals, value = each.partition("=")
        if not (equals and name.strip()):
            # Not repeated: it may be a secret whose name was forgotten.
            form = "FIELD=VALUE" if option == "--set" else "FIELD=VAR"
            raise typer.BadParameter(f"it takes {form}.", param_hint=option)
        if option == "--set-env":
            if value not in os.environ:
                raise typer.BadParameter(f"the environment variable {value} is not set.", param_hint=option)
            value = os.environ[value]
        fields[name.strip()] = value
    for name in prompted:
        fields[name] = typer.prompt(name, hide_input=True, err=True)
    return fields
