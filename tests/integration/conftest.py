"""Describe each backend when a test first needs it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from openviper.storage.testing import Profile, Subject
from servers import Server
from tests.integration import subjects


@pytest.fixture(scope="session")
def subject_of(
    server: Callable[[str], Server], pytestconfig: pytest.Config
) -> Callable[[str], Subject]:
    """Give a backend of the conformance suite by its name, made once a session."""
    profile: Profile | None = pytestconfig.option.storage_profile
    made: dict[str, Subject] = {}

    def get(name: str) -> Subject:
        if name not in made:
            found = subjects.subject(name, server)
            made[name] = dataclasses.replace(found, profile=profile or found.profile)
        return made[name]

    return get
