"""Every method against every fault of a server or a network (catalogue 1.10 and 1.11)."""

from __future__ import annotations

from http import HTTPStatus

from openviper.storage.testing import faults
from openviper.storage.testing.fault_cells import Column, access_of, expect_all
from openviper.storage.testing.proxy import Fault
from openviper.storage.testing.registry import check
from openviper.storage.testing.target import Target

BROKEN = b'<?xml version="1.0"?><Error><Code>Internal'
PAGE = b"<html><body>Please log in to this network.</body></html>"
STATUSES = (403, 404, 412)
DENIALS = (HTTPStatus.NOT_FOUND, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)


@check("fault.refused-for-now", "E02", "E05", "M03", "X05", "X08", needs=("faults",))
async def refused_for_now(target: Target) -> None:
    """One answer that the server is busy or broken is survived; more are an error of the tree."""
    throttling = access_of(target).throttling
    columns = (
        Column(label="500 without a body", fault=faults.answer(500), passes=True),
        Column(label="502 with a broken body", fault=_page(502, BROKEN), passes=True),
        Column(label=f"{throttling}", fault=_said(target, throttling), passes=True),
    )
    await expect_all(target, columns)


@check("fault.refused-for-good", "E02", "E03", "M03", "X08", needs=("faults",))
async def refused_for_good(target: Target) -> None:
    """A request that is refused, whichever of its method's it is, leaves nothing half done."""
    columns = [
        Column(
            label=f"{status}",
            fault=_said(target, status),
            denies=status in DENIALS,
        )
        for status in STATUSES
    ]
    await expect_all(target, columns)


@check("fault.any-status", "E02", "X08", needs=("faults",))
async def any_status(target: Target) -> None:
    """No status from 400 to 599 lets anything out but the contract's errors."""
    columns = [
        Column(
            label=f"{status}",
            fault=_said(target, status) if status % 2 else faults.answer(status),
            denies=status in DENIALS,
        )
        for status in range(400, 600)
    ]
    await expect_all(target, columns, sample=12)


@check("fault.connection-reset", "E02", "X05", "X08", needs=("faults",))
async def connection_reset(target: Target) -> None:
    """One connection that breaks before the server could act is survived."""
    columns = (
        Column(label="a reset before the answer", fault=faults.reset, passes=True),
        Column(label="a reset within the request", fault=faults.reset_in_request, passes=True),
    )
    await expect_all(target, columns)


@check("fault.reply-lost", "E02", "K05", "X06", "X08", needs=("faults",))
async def reply_lost(target: Target) -> None:
    """What was done, and only its reply lost, is known as done."""
    column = Column(label="a lost reply", fault=faults.lose_reply, passes=True, hides=True)
    await expect_all(target, (column,))


@check("fault.reply-cut-short", "E02", "R11", "X06", "X08", needs=("faults",))
async def reply_cut_short(target: Target) -> None:
    """A reply that ends early is never taken for a whole one."""
    columns = (
        Column(label="a reply that ends early", fault=faults.cut_reply, hides=True),
        Column(label="a reset within the reply", fault=faults.reset_in_reply, hides=True),
    )
    await expect_all(target, columns)


@check("fault.no-answer", "E02", "X06", "X08", needs=("faults",))
async def no_answer(target: Target) -> None:
    """A server that says nothing is given up in time, whether or not it did what was asked."""
    columns = (
        Column(label="a reply that comes too late", fault=faults.hold_reply, hides=True),
        Column(label="silence", fault=faults.say_nothing),
    )
    await expect_all(target, columns, patience=1.5)


@check("fault.success-that-is-none", "D06", "E02", "K07", "X08", needs=("faults",))
async def success_that_is_none(target: Target) -> None:
    """A status of success over an error, over somebody else's page or over nothing is none."""
    columns = (
        Column(label="200 with an error", fault=_said(target, 200), claims=True),
        Column(label="200 with another's page", fault=_page(200, PAGE), claims=True),
    )
    await expect_all(target, columns)


@check("fault.slow-reply", "R11", "X08", needs=("faults",))
async def slow_reply(target: Target) -> None:
    """A reply that comes little by little is as good as any."""
    await expect_all(target, (Column(label="a slow reply", fault=faults.drip, passes=True),))


def _said(target: Target, status: int) -> Fault:
    said = access_of(target).words(status)
    return faults.answer(status, said.body, said.headers)


def _page(status: int, body: bytes) -> Fault:
    return faults.answer(status, body, {"Content-Type": "text/html"})
