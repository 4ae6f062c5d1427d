"""Keep models in a database, and their files in a storage, so that both live and die together."""

try:
    import sqlalchemy.ext.asyncio  # noqa: F401 - only to say what is missing
except ModuleNotFoundError as error:
    raise ImportError(
        f"openviper.db needs {error.name}, which is not installed: "
        "pip install 'openviper-storage[db]'"
    ) from error

from openviper.db import tracking as _tracking  # noqa: F401 - listens to sessions from now on
from openviper.db.engine import close, engine, transaction
from openviper.db.files import FieldFile, FileType, ImageFile, ImageType
from openviper.db.models import Model, create_tables
from openviper.db.pending import pending_files
from openviper.db.reaping import Reaped, reap

__all__ = [
    "FieldFile",
    "FileType",
    "ImageFile",
    "ImageType",
    "Model",
    "Reaped",
    "close",
    "create_tables",
    "engine",
    "pending_files",
    "reap",
    "transaction",
]
