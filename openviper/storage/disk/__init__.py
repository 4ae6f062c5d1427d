"""Blocking work on a local folder, for `FileSystemStorage` to run in threads."""
