"""What the emulators can't show, each with the emulator's fault; the check runs elsewhere.

By backend, then by check. `EXPECTED_FAILURES` fail each time, and are an error once they pass;
`EXCUSES` fail or pass by luck, or could not be set up, and are not run.
"""

from __future__ import annotations

_MOTO_UNCHECKED = "moto checks no signature: whatever a URL was changed to is served"
_GCS_UNCHECKED = "fake-gcs-server checks no signature and no time, and serves to anybody"
_GCS_ANYBODY = "fake-gcs-server takes any credentials"
_MOTO_RACES = "moto looks whether a key exists and then writes it, without a lock between the two"
_GCS_COPIES = "fake-gcs-server ignores ifGenerationMatch on rewriteTo, so copies race"
_ONE_REQUEST = "obstore creates a file only by one request, from memory: max_size bounds it"
_LINKS = "obstore follows the symlinks of a folder"
_LONG = "obstore's temporary name is longer than the name, which itself would be allowed"

EXPECTED_FAILURES: dict[str, dict[str, str]] = {
    "moto": {
        "credentials.wrong-ones-are-denied": "moto takes any credentials",
        "signed.expires": "moto does not look at a URL's time",
        "signed.get-does-not-write": _MOTO_UNCHECKED,
        "signed.put-can-not-be-waived-by-the-client": _MOTO_UNCHECKED,
        "signed.put-holds-its-type": _MOTO_UNCHECKED,
        "signed.tampered-is-refused": _MOTO_UNCHECKED,
    },
    "gcs": {
        "signed.expires": _GCS_UNCHECKED,
        "signed.get-does-not-write": _GCS_UNCHECKED,
        "signed.nothing-without-the-signature": _GCS_UNCHECKED,
        "signed.tampered-is-refused": _GCS_UNCHECKED,
    },
    "obstore-file": {
        "content.memory-is-bounded": _ONE_REQUEST,
        "name.longest-segment-works": _LONG,
        "name.save-shortens-segments": _LONG,
        "name.taken-long-names-stay-within-limits": _LONG,
        "place.symlinks-are-not-deleted-through": _LINKS,
        "place.symlinks-are-not-read": _LINKS,
        "place.symlinks-are-not-written-through": _LINKS,
    },
    "obstore-moto": {
        "content.memory-is-bounded": _ONE_REQUEST,
        "credentials.wrong-ones-are-denied": "moto takes any credentials",
        "fault.success-that-is-none": "obstore reads any XML of status 200 as an empty listing",
    },
    "obstore-versitygw": {"content.memory-is-bounded": _ONE_REQUEST},
    "obstore-gcs": {"content.memory-is-bounded": _ONE_REQUEST},
    "obstore-azurite": {"content.memory-is-bounded": _ONE_REQUEST},
}

EXCUSES: dict[str, dict[str, str]] = {
    "moto": {
        "copy.one-of-many-wins": _MOTO_RACES,
        "move.one-of-many-wins": _MOTO_RACES,
        "race.instances-are-distinct": _MOTO_RACES,
        "race.large-saves-are-distinct": _MOTO_RACES,
        "race.one-creator-wins": _MOTO_RACES,
        "race.one-if-match-wins": _MOTO_RACES,
        "race.one-large-creator-wins": _MOTO_RACES,
        "race.one-put-if-none-match-wins": _MOTO_RACES,
        "race.processes-are-distinct": _MOTO_RACES,
        "race.saves-of-bytes-are-distinct": _MOTO_RACES,
        "race.saves-of-files-are-distinct": _MOTO_RACES,
        "race.saves-of-streams-are-distinct": _MOTO_RACES,
        "race.threads-are-distinct": _MOTO_RACES,
    },
    "gcs": {
        "copy.one-of-many-wins": _GCS_COPIES,
        "lost.copy-is-known": _GCS_COPIES,
        "credentials.no-error-shows-them": _GCS_ANYBODY,
        "credentials.wrong-ones-are-denied": _GCS_ANYBODY,
        "move.one-of-many-wins": _GCS_COPIES,
    },
    "obstore-gcs": {
        "credentials.no-error-shows-them": _GCS_ANYBODY,
        "credentials.wrong-ones-are-denied": _GCS_ANYBODY,
    },
    "obstore-versitygw": {
        "delete.last-child-never-races-a-save": "versitygw may take a folder that is being removed "
        "for a conflict of names, and answers ExistingObjectIsDirectory",
    },
}
EXCUSES["obstore-moto"] = EXCUSES["moto"]
