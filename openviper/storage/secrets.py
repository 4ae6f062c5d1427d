"""Hold a credential so that nothing shows it by accident."""

from __future__ import annotations

from typing import NoReturn

__all__ = ["Secret", "reveal"]


class Secret:
    """Wrap a credential: masked in `repr` and `str`, compared by value, never pickled."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def reveal(self) -> object:
        """Return the credential itself."""
        return self._value

    def __repr__(self) -> str:
        return "'***'"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a storage that was given credentials can't be pickled, since a pickle would show "
            "them: pass its alias and use storages[alias], or leave the credentials to the SDK"
        )


def reveal(secret: Secret | None) -> str | None:
    """Return the text in a secret, or None where there is none."""
    return None if secret is None else str(secret.reveal())
