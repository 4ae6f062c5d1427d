"""Backends on other people's libraries, written as a user of the kit would write them."""
