"""The contenders: a module for each library."""
