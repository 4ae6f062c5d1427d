"""Keep models in a database, and their files in a storage, so that both live and die together."""

from openviper.db import tracking as _tracking  # noqa: F401 - listens to sessions from now on
from openviper.db.engine import close, engine, transaction
from openviper.db.files import FieldFile, FileType, ImageFile, ImageType
from openviper.db.models import Model, create_tables

__all__ = [
    "FieldFile",
    "FileType",
    "ImageFile",
    "ImageType",
    "Model",
    "close",
    "create_tables",
    "engine",
    "transaction",
]
