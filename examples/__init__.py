"""Programs that run as they stand: `make demo` and `make gallery` for the first."""
