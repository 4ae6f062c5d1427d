"""Keep moments in UTC, in databases that have time zones and in those that have none."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy import Dialect
from sqlalchemy.types import TypeDecorator

__all__ = ["UTCDateTime", "now"]


class UTCDateTime(TypeDecorator[datetime]):
    """Keep aware datetimes, also where the database has none: in UTC."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Store UTC."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a datetime without a time zone means another time on each machine")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give UTC, also where a driver gives the zone of its connection."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    """Return the moment, aware."""
    return datetime.now(UTC)
