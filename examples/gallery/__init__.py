"""A small photo gallery on OpenViper: `python -m examples.gallery`."""
