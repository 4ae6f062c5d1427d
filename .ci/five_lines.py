"""Run the suite on a backend of one's own, with the wheel and pytest and nothing else."""

from openviper.storage import PortableStorage
from openviper.storage.backends.memory import MemoryDriver
from openviper.storage.testing import StorageConformance

CUPBOARD = MemoryDriver()


class CupboardStorage(PortableStorage):
    """Keep files in a cupboard."""

    def __init__(self, *, location: str = "") -> None:
        super().__init__(CUPBOARD, arguments={"location": location}, location=location)


class TestCupboard(StorageConformance):  # noqa: D101 - as a user writes it
    async def make_storage(self, location):  # noqa: ANN001, ANN201, D102
        return CupboardStorage(location=location)
