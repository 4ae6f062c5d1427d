"""Programs that run as they stand: `make demo` for the first."""
