"""What goes wrong between a storage and its server, as faults for a `FaultProxy`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing

from openviper.storage.testing.proxy import Exchange, Fault

__all__ = [
    "answer",
    "cut_reply",
    "drip",
    "hold_reply",
    "lose_reply",
    "reset",
    "reset_in_reply",
    "reset_in_request",
    "say_nothing",
]


def answer(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Fault:
    """Return the fault that answers in the server's place, which never sees the request."""

    async def fault(exchange: Exchange) -> None:
        await exchange.answer(status, body, headers)

    return fault


async def reset(exchange: Exchange) -> None:
    """Reset the connection once the request's head has come."""
    exchange.reset()


async def reset_in_request(exchange: Exchange) -> None:
    """Reset the connection in the middle of the request's body."""
    left = (exchange.request.length or 2) // 2
    async with aclosing(exchange.pieces()) as pieces:
        async for piece in pieces:
            left -= len(piece)
            if left <= 0:
                break
    exchange.reset()


async def lose_reply(exchange: Exchange) -> None:
    """Have the server do what is asked, and reset the connection in place of its reply."""
    async with exchange.sent() as reply:
        await reply.read()
    exchange.reset()


async def hold_reply(exchange: Exchange) -> None:
    """Have the server do what is asked, and keep its reply until the client gives up."""
    async with exchange.sent() as reply:
        await reply.read()
    await exchange.client_gone()


async def say_nothing(exchange: Exchange) -> None:
    """Neither read the request's body nor answer, as a server does that hangs."""
    await asyncio.get_running_loop().create_future()


async def cut_reply(exchange: Exchange) -> None:
    """Close the connection in the middle of a reply that said how long it would be."""
    async with exchange.sent() as reply:
        await exchange.relay_half(reply)
    exchange.close()


async def reset_in_reply(exchange: Exchange) -> None:
    """Reset the connection in the middle of the reply."""
    async with exchange.sent() as reply:
        await exchange.relay_half(reply)
    exchange.reset()


async def drip(exchange: Exchange) -> None:
    """Give the reply little by little, in about a fifth of a second."""
    async with exchange.sent() as reply:
        await exchange.relay(reply, size=max(1, (reply.head.length or 1000) // 20), pause=0.01)
