"""Anything in any order, against a model (catalogue: what no single check would find)."""

from __future__ import annotations

import asyncio

from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target


@check("machine.storage", "S01", "S02", "S03", "S12", "S13", "M08", "M11", "D01", "L06", "X02")
async def storage(target: Target) -> None:
    """After any steps in any order a storage holds what a model in memory holds."""
    from openviper.storage.testing.stateful import StorageMachine, machine_of, run_machine  # noqa: PLC0415 - loads Hypothesis

    await asyncio.to_thread(run_machine, machine_of(target.subject, StorageMachine))


@check("machine.paging", "L07", "L09", requires=("list",))
async def paging(target: Target) -> None:
    """While files come and go, pages give what stays once, and nothing that never was."""
    from openviper.storage.testing.stateful import PagingMachine, machine_of, run_machine  # noqa: PLC0415 - loads Hypothesis

    await asyncio.to_thread(run_machine, machine_of(target.subject, PagingMachine))
