"""Look after storages from a shell: the command `openviper`."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

try:
    import click
except ModuleNotFoundError as error:
    raise SystemExit(
        "openviper: the command line needs click: pip install 'openviper-storage[cli]'"
    ) from error

from openviper.conf.importing import import_module
from openviper.exceptions import ImproperlyConfigured
from openviper.storage import StorageError, storages

if TYPE_CHECKING:
    from sqlalchemy import MetaData

    from openviper.db.reaping import Outcome, Reaped

__all__ = ["main"]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _duration(ctx: click.Context, param: click.Parameter, value: str) -> timedelta:
    """Read `90s`, `30m`, `24h` or `7d`."""
    found = re.fullmatch(r"(\d+)([smhd])", value)
    if found is None:
        raise click.BadParameter("write a number and s, m, h or d, like 24h", ctx, param)
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


@click.group()
@click.version_option(package_name="openviper-storage")
def main() -> None:
    """Look after the storages and files of OPENVIPER_SETTINGS_MODULE."""
    if "" not in sys.path:
        sys.path.insert(0, "")  # the settings and models of the folder one is in


@main.group()
def storage() -> None:
    """Look after stored files."""


@storage.command()
@click.option(
    "--older-than",
    callback=_duration,
    metavar="DURATION",
    default="1d",
    show_default=True,
    help="Leave alone what is younger: it may be under way (90s, 30m, 24h, 7d).",
)
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a line.")
@click.option(
    "--models",
    metavar="MODULE",
    multiple=True,
    help="Import this first: 'app.models', or 'app.models:Base' for your own declarative base.",
)
def reap(older_than: timedelta, dry_run: bool, as_json: bool, models: tuple[str, ...]) -> None:
    """Remove the files that killed processes left without a row.

    Reads the notes in the database of DATABASE_URL. Run it as often as you like, by cron for
    one, also while the application runs. Ends with 1 where a file could not be removed.
    """
    try:
        failed = asyncio.run(_reap(older_than, dry_run, as_json, models))
    except (ImportError, ImproperlyConfigured, OSError, StorageError) as error:
        raise click.ClickException(str(error)) from error
    sys.exit(1 if failed else 0)


async def _reap(
    older_than: timedelta, dry_run: bool, as_json: bool, models: tuple[str, ...]
) -> int:
    """Print what becomes of each file, and return how many could not be removed."""
    # Not at the top: other commands do without SQLAlchemy.
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    from openviper import db  # noqa: PLC0415

    counts: Counter[Outcome] = Counter()
    try:
        url = (await db.engine()).url.set(query={}).render_as_string()
        for metadata in _metadata(models) or {db.Model.metadata}:
            async for found in db.reap(None, metadata, older_than=older_than, dry_run=dry_run):
                counts[found.outcome] += 1
                click.echo(json.dumps(_facts(found)) if as_json else _line(found))
    except SQLAlchemyError as error:
        raise click.ClickException(f"the database says: {error}") from error
    finally:
        await storages.aclose()
        await db.close()
    removed = "would be removed" if dry_run else "removed"
    click.echo(
        f"{url}: {counts['removed']} {removed}, {counts['kept']} had a row, "
        f"{counts['failed']} failed",
        err=as_json,
    )
    return counts["failed"]


def _metadata(models: tuple[str, ...]) -> set[MetaData]:
    """Import models, and return the metadata of those that are declarative bases."""
    found = set()
    for path in models:
        module, _, name = path.partition(":")
        imported = import_module(module)
        if name:
            metadata = getattr(getattr(imported, name, None), "metadata", None)
            if metadata is None:
                raise ImproperlyConfigured(f"{path} is no declarative base: it has no metadata")
            found.add(metadata)
    return found


def _facts(found: Reaped) -> dict[str, str | None]:
    note = found.note
    return {
        "outcome": found.outcome,
        "storage": note.storage,
        "name": note.name,
        "column": f"{note.table_name}.{note.column_name}",
        "noted": note.noted.isoformat(),
        "error": None if found.error is None else str(found.error),
    }


def _line(found: Reaped) -> str:
    facts = _facts(found)
    error = f": {facts['error']}" if facts["error"] else ""
    return f"{found.outcome:<8}{facts['storage']}  {facts['name']}  ({facts['column']}){error}"


if __name__ == "__main__":
    main()
