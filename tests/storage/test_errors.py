"""The family of errors: what each is, and that it survives pickling and copying."""

from __future__ import annotations

import copy
import pickle

import pytest

from openviper.exceptions import ImproperlyConfigured
from openviper.storage import errors
from openviper.storage.errors import OutcomeUnknownError, StorageError

KINDS = [getattr(errors, name) for name in errors.__all__]

FAMILY: dict[str, tuple[type[BaseException], ...]] = {
    "NotFoundError": (FileNotFoundError, OSError),
    "AlreadyExistsError": (FileExistsError, OSError),
    "NameConflictError": (errors.AlreadyExistsError, FileExistsError),
    "InvalidNameError": (ValueError,),
    "SameFileError": (ValueError,),
    "TooLargeError": (ValueError,),
    "PermissionDeniedError": (PermissionError, OSError),
    "StorageFullError": (OSError,),
    "UnavailableError": (ConnectionError, OSError),
    "ThrottledError": (errors.UnavailableError,),
    "StorageTimeoutError": (errors.UnavailableError, TimeoutError),
    "UnsupportedOperationError": (NotImplementedError,),
    "ImproperlyConfiguredError": (ImproperlyConfigured,),
}


@pytest.mark.parametrize("kind", KINDS)
def test_error_is_of_the_family(kind: type[StorageError]) -> None:
    assert issubclass(kind, StorageError)
    assert (kind.__doc__ or "").startswith("Report")


@pytest.mark.parametrize(("name", "bases"), FAMILY.items())
def test_error_is_the_builtin_that_means_the_same(
    name: str, bases: tuple[type[BaseException], ...]
) -> None:
    assert all(issubclass(getattr(errors, name), base) for base in bases)


@pytest.mark.parametrize(
    "kind", [errors.ContainerNotFoundError, errors.PreconditionFailedError, errors.IntegrityError]
)
def test_error_is_never_taken_for_a_missing_or_existing_file(kind: type[StorageError]) -> None:
    assert not issubclass(kind, OSError | ValueError)


@pytest.mark.parametrize("kind", KINDS)
def test_error_says_its_message_name_and_backend(kind: type[StorageError]) -> None:
    error = kind("it went wrong", name="a/b.txt", backend="s3")
    assert str(error) == "it went wrong"
    assert error.args == ("it went wrong",)
    assert (error.name, error.backend) == ("a/b.txt", "s3")


@pytest.mark.parametrize("kind", KINDS)
def test_error_needs_no_words(kind: type[StorageError]) -> None:
    error = kind()
    assert str(error) == ""
    assert (error.name, error.backend) == (None, None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_error_can_be_pickled(kind: type[StorageError], protocol: int) -> None:
    error = kind("it went wrong", name="ü", backend="gcs")
    error.add_note("more")
    found = pickle.loads(pickle.dumps(error, protocol))
    assert type(found) is kind
    assert (str(found), found.name, found.backend) == (str(error), "ü", "gcs")
    assert found.__notes__ == ["more"]


@pytest.mark.parametrize("kind", KINDS)
def test_error_can_be_copied(kind: type[StorageError]) -> None:
    error = kind("it went wrong", name="a", backend="azure")
    for found in (copy.copy(error), copy.deepcopy(error)):
        assert found is not error
        assert type(found) is kind
        assert (str(found), found.name, found.backend) == ("it went wrong", "a", "azure")


def test_unknown_outcome_keeps_its_write_id() -> None:
    error = OutcomeUnknownError("lost", name="a", backend="s3", write_id="0f" * 16)
    for found in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert (found.name, found.write_id) == ("a", "0f" * 16)


def test_error_raised_from_a_vendor_keeps_it_as_its_cause() -> None:
    vendor = OSError(5, "vendor")
    with pytest.raises(errors.NotFoundError) as caught:
        raise errors.NotFoundError("missing", name="a") from vendor
    assert caught.value.__cause__ is vendor
    assert caught.value.errno is None
