"""Run the gallery on 127.0.0.1:8000, with all it keeps in ./gallery; options are uvicorn's."""

import os
import sys
from pathlib import Path

import uvicorn

folder = Path("gallery")
folder.mkdir(exist_ok=True)
os.chdir(folder)  # the settings' defaults, ./media and ./db.sqlite3, are here from now on
uvicorn.main(["examples.gallery.app:app", *sys.argv[1:]])
