"""The points of the contract: what the checks show, and why each kind of them matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["POINTS", "SECTIONS", "SHOULD", "STARRED", "UNTESTED", "Section", "why"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Hold the points about one thing."""

    title: str
    why: str
    """What goes wrong where such a point does not hold."""
    points: Mapping[str, str]
    """Titles by id."""


SECTIONS: tuple[Section, ...] = (
    Section(
        title="Names",
        why="a name that means two things shows or overwrites somebody else's file",
        points={
            "N01": "The empty name is refused by every method, and never means the root",
            "N02": "A name that is no `str` is a `TypeError`; subclasses of `str` are names",
            "N03": "NUL and other control characters are refused by every method",
            "N04": "No form of `..`, absolute, drive or UNC path reaches outside",
            "N05": "A backslash means one thing on every platform and backend",
            "N06": "All spellings of a canonical name reach one file through every method",
            "N07": "What `save` returns is canonical and works everywhere",
            "N08": "Two canonical names never reach one file, and no lookup finds a neighbour",
            "N09": "Lengths are limits in bytes: at the limit works, one more is the right error",
            "N10": "Shortened names keep their extension, uniqueness and valid UTF-8",
            "N11": "The unique part goes before the last extension of the last segment",
            "N12": "The storage's own files can't be addressed, overwritten or listed",
            "N13": "A name is judged again after a hook of the user changed it",
        },
    ),
    Section(
        title="Saving and racing",
        why="whoever loses a race, or reads in the middle of a save, loses data without an error",
        points={
            "S01": "A free name comes back unchanged, and its file is there for everyone",
            "S02": "A taken name gives another one, and both files stay whole",
            "S03": "Saves of one name at once give as many names, each with its content",
            "S04": "So do saves from other instances, loops, threads and processes",
            "S05": "Saves into a new deep directory at once all succeed",
            "S06": "Where every name is reported as taken, `save` gives up with an error",
            "S07": "While a file is replaced, readers see the old one or the new one, whole",
            "S08": "Of two streams that overwrite one name, one is there whole",
            "S09": "Creating only has one winner; the others are told, and change nothing",
            "S10": "All that holds for large content on its own way too",
            "S11": "Nothing of a save is visible before its end, and the old file stays readable",
            "S12": "A deleted name is free again, with nothing of the old file",
            "S13": "`a` and `a/b` are both there or a conflict, as declared; nothing is lost",
            "S14": "Content that does not match its checksum is not stored",
        },
    ),
    Section(
        title="Content",
        why="what was stored is not what was given, or takes the memory or the loop of all others",
        points={
            "C01": "bytes, bytearray and any memoryview give the same file",
            "C02": "Files, async files, iterators, iterables, paths and uploads give the same file",
            "C03": "No bytes, from any kind of content, are a file of no bytes",
            "C04": "Empty chunks and short reads are not the end",
            "C05": "Text and all that is no content is a `TypeError`, and nothing is stored",
            "C06": "The caller's file stays open, where reading it ended",
            "C07": "Sources need nothing but `read`, or iteration",
            "C08": "A file is read from where it stands, also when it is read again",
            "C09": "Memory is bounded, however large the content; the source is pulled",
            "C10": "A blocking read never stands in the way of the event loop",
            "C11": "What the source raises reaches the caller as itself",
            "C12": "What the caller changes later changes nothing stored",
        },
    ),
    Section(
        title="Reading",
        why="bytes that are wrong, mixed or missing are used as if they were the file",
        points={
            "R01": "Every byte of every size comes back",
            "R02": "Streams give non-empty chunks of at most the size asked for",
            "R03": "Ranges are slices",
            "R04": "Ranges that can't be are refused before any I/O",
            "R05": "Past the end there is nothing, and no error",
            "R06": "Empty ranges and empty files raise nothing",
            "R07": "A missing file is found missing at once, not read as empty",
            "R08": "A ranged read never changes what the file's size is taken for",
            "R09": "Abandoned streams give their connections back",
            "R10": "All bytes of a read are of one version",
            "R11": "Data that comes short is an error",
            "R12": "What was stored encoded is read as it was stored",
            "R13": "Open files read, seek, iterate, and commit or abort",
            "R14": "A limit on the size stops a read before all is in memory",
        },
    ),
    Section(
        title="What is known of a file",
        why="decisions are taken on sizes, types, times and versions that are not true",
        points={
            "M01": "What is asked of a missing file is a NotFoundError with its name",
            "M02": "`exists` is a bool, and False for directories and markers",
            "M03": "`exists` is False only for what is not found; other errors are raised",
            "M04": "Times are aware, UTC and those of the last write",
            "M05": "Etags are there, unquoted, and others for other content",
            "M06": "A checksum is that of the content, or absent",
            "M07": "Types are those given, or guessed, and never malformed",
            "M08": "All attributes are kept on every way of writing",
            "M09": "Metadata keys that some service would change are refused",
            "M10": "Metadata values of any script come back exactly",
            "M11": "Overwriting leaves nothing of the old attributes",
            "M12": "Returned metadata is a copy",
            "M13": "The declared room for metadata is there, and held",
        },
    ),
    Section(
        title="Deleting",
        why="files are gone that nobody meant, or stay while they are believed to be gone",
        points={
            "D01": "A deleted file is gone for every method, and deleting again is silent",
            "D02": "Deleting what is missing is silent, wherever it would be",
            "D03": "Deleting the name of a directory removes nothing",
            "D04": "Deletions of one name at once all succeed",
            "D05": "More names than a request takes are all deleted",
            "D06": "A failure among many is told of its own name",
            "D07": "Any iterable of names is taken, once, with one result for each",
            "D08": "Names with special characters are deleted, and no others",
            "D09": "A path is deleted as a path, and the whole storage only if told so",
            "D10": "An empty directory is not listed, and its removal never harms a save",
            "D11": "Where versions are kept, a deleted name is absent and free all the same",
        },
    ),
    Section(
        title="Listing",
        why="files are missed, repeated or taken for others by whatever goes through a listing",
        points={
            "L01": "Nothing to list is no error",
            "L02": "Listed names are those saved, and can be used as they are",
            "L03": "Directories come once each, and only where they were asked for",
            "L04": "A prefix is a path",
            "L05": "The order is that of UTF-8 bytes, directories at their place",
            "L06": "Pages of any size give the same sequence",
            "L07": "More entries than a service gives at once are all listed",
            "L08": "Tokens work in any instance, and nobody's are refused",
            "L09": "Changes between pages lose nothing else",
            "L10": "`start_after` is exclusive, and needs no such file",
            "L11": "Markers, temporary and own files are never listed",
            "L12": "Odd names are listed exactly",
            "L13": "Pattern characters in a prefix mean themselves",
            "L14": "Listings are lazy, can be left, and bear deletions meanwhile",
            "L15": "Entries carry the size and time that `stat` gives",
        },
    ),
    Section(
        title="Copying and moving",
        why="a file is lost, emptied or stripped on its way to another name",
        points={
            "K01": "A copy has the content and all attributes, and the source stays",
            "K02": "A taken target is treated as `save` treats it",
            "K03": "A missing source is an error that names it, and the target stays",
            "K04": "Onto itself is refused, in any spelling, and changes nothing",
            "K05": "A move deletes its source only when the target is complete",
            "K06": "Odd names can be copied from and to",
            "K07": "A service's own copy is awaited to its end, and its late errors are seen",
            "K08": "Above the service's limit a copy goes in parts, with its metadata",
            "K09": "Copies and moves to one free name have one winner",
            "K10": "Copying into another storage streams and keeps what is given",
        },
    ),
    Section(
        title="URLs",
        why="a link leads to nothing, to another file, or to more than it should allow",
        points={
            "U01": "A URL is made at once, without I/O, whatever is there",
            "U02": "Its path, decoded once, ends in the name",
            "U03": "Base URLs with and without slashes, queries and domains work",
            "U04": "No name changes the scheme or the host",
            "U05": "The location is in it once",
            "U06": "A signed URL gives the bytes, and nothing without its signature",
            "U07": "It is refused for another method or name",
            "U08": "Its time is checked when it is made, and it ends",
            "U09": "Odd names and names to save under work in signed URLs",
            "U10": "A signed PUT creates only, holds its type and says what to send",
            "U11": "A signed form holds its key, type and size, or is not supported",
            "U12": "No secret is in a URL, a repr, an error or a log",
        },
    ),
    Section(
        title="Errors",
        why="programs catch what they know; another exception gets past them, or misleads them",
        points={
            "E01": "Errors are of one family, and carry name, backend and cause",
            "E02": "No exception of the vendor or the system gets out",
            "E03": "Forbidden is never missing",
            "E04": "A missing container is never a missing file",
            "E05": "Throttling is waited for, and told in the end",
            "E06": "What is not supported or wrong is refused before the content is touched",
            "E07": "A full or read-only disk is told, and nothing is left",
            "E08": "Errors pickle and copy; many at once are one",
        },
    ),
    Section(
        title="Failing and cancelling",
        why="half a file, a lost one or a leak is found long after the failure that left it",
        points={
            "X01": "A source that fails leaves nothing, and the old file whole",
            "X02": "A cancelled save leaves the whole file or nothing, also later",
            "X03": "A cancellation comes out as one",
            "X04": "A second cancellation during the clean-up changes nothing of that",
            "X05": "A part that fails is sent again, without reading the source again",
            "X06": "A lost reply is neither a duplicate, nor an overwrite, nor a false error",
            "X07": "A move that can't delete its source names both files",
            "X08": "After a failure nothing stays open or running, and the storage works on",
            "X09": "What a crash left stands in nobody's way",
            "X10": "Cancelled lists, reads, deletions and copies leave a working storage",
        },
    ),
    Section(
        title="Large files",
        why="what works in every test fails with the first large file",
        points={
            "B01": "Sizes around the borders of parts are exact",
            "B02": "A stream of nothing is a file of no bytes",
            "B03": "Tiny chunks are joined and huge ones are split",
            "B04": "Parts grow before there are too many of them",
            "B05": "Parts that finish out of order are put in order",
            "B06": "What was given up of a large upload is invisible",
            "B07": "Sizes and positions are right beyond 32 bits",
            "B08": "The requests for a file stay below a number",
        },
    ),
    Section(
        title="Odd names",
        why="a user's file name is data: changed on its way it is another file",
        points={
            "W01": "Over sixty odd names are exact through every method",
            "W02": "Percent sequences in names are data",
            "W03": "Normal forms of Unicode are different names",
            "W04": "Names that differ in case are as declared",
            "W05": "Spaces, dots and device names are exact or refused everywhere",
        },
    ),
    Section(
        title="Places",
        why="one tenant reaches the files of another",
        points={
            "I01": "Locations side by side never meet",
            "I02": "A location works in any spelling, and is never shown",
            "I03": "Links inside the root lead nowhere",
            "I04": "The root is not in its own listing",
            "I05": "All holds at a nested location too",
        },
    ),
    Section(
        title="Life",
        why="it works in a test, and not in an application with several loops, threads or restarts",
        points={
            "Y01": "Making a storage does no I/O and needs no loop",
            "Y02": "Closing is repeatable, and using opens again",
            "Y03": "One instance works in several loops and threads",
            "Y04": "No warning, task or connection is left",
            "Y05": "Many tasks on one instance all finish",
            "Y06": "Storages compare, copy and pickle by their configuration",
            "Y07": "A storage can be asked whether it can be reached and written",
        },
    ),
    Section(
        title="Capabilities",
        why="code that asks what a storage can do is told something that is not so",
        points={
            "P01": "Capabilities are a frozen value, without I/O",
            "P02": "What is declared is done",
            "P03": "What is not declared is refused before any effect",
            "P04": "Declared limits hold on both sides",
            "P05": "Storages that wrap another declare what they hold",
            "P06": "A known failure has an id and a reason, and does not conform",
            "P07": "A check that did not run never counts as passed",
        },
    ),
)

POINTS: Mapping[str, str] = {
    point: title for section in SECTIONS for point, title in section.points.items()
}
"""Every title by its id."""

SHOULD = frozenset({"B08"})
"""Points that a good storage holds; all others it must."""

STARRED = frozenset((
    "N06", "N08", "N09", "S03", "S04", "S09", "S10", "S11", "S13", "C06",
    "C09", "C10", "R06", "R09", "R10", "R11", "R12", "M02", "M03", "M08",
    "M10", "D02", "D06", "L04", "L05", "L06", "L11", "L12", "K04", "K05",
    "K06", "K07", "U05", "U09", "U10", "E02", "X01", "X02", "B02", "Y03",
))  # fmt: skip
"""Points that real adapters fail most often."""

_CRASH = "by the tests of crashes, power cuts and full disks"
_KIT = "a rule for the kit itself, which its own tests show"

UNTESTED: Mapping[str, str] = {
    "N13": "a hook is the framework's: the tests of its file fields show it",
    "S06": "no server reports every name as taken; tests/storage/test_writes.py has a driver do it",
    "K08": "servers here copy any size at once; tests/storage/test_s3.py lowers the limit",
    "U03": "a base URL is an argument of each backend's own; tests/storage/test_urls.py has them",
    "E07": _CRASH,
    "X07": "what can't be removed stays, and the new name is taken back: tests/crash shows it",
    "X09": _CRASH,
    "B04": "it takes terabytes; tests/storage/test_transfer.py lowers the limits",
    "B05": "servers here end parts in any order; tests/storage/test_transfer.py has them late",
    "B06": "the contract has no parts of its own; what is given up is looked for after failures",
    "B08": "what is few depends on the service; tests/storage count the requests of each",
    "Y07": "the contract has no such method",
    "P05": "the package has no storage that wraps another",
    "P06": _KIT,
    "P07": _KIT,
}
"""Points without a check in the registry, and who shows them or why nobody can."""


def why(points: Sequence[str]) -> str:
    """Return what breaks, and what comes of it, where a check of these points fails.

    Nothing where there are none: a check of a user's own is of no point here.
    """
    if not points:
        return ""
    title, section = POINTS[points[0]], _SECTION_OF[points[0]]
    return f"{points[0]} {title}: else {section.why}."


_SECTION_OF = {point: section for section in SECTIONS for point in section.points}
