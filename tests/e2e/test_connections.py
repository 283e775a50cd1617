"""Connections that stay open between requests, as load balancers and clients keep them."""

import asyncio
from urllib.parse import urlsplit

from tests.stack import Stack

# Libraries for Python keep an idle connection for five seconds or more.
IDLE_SECONDS = 6.0
PROGRAMS = ("auth", "machines", "analysis", "alerting")


async def test_every_program_answers_on_a_connection_that_was_idle(stack: Stack) -> None:
    stack.wait_ready()
    addresses = [stack.env[f"DINSIGHT_{program.upper()}_URL"] for program in PROGRAMS]
    await asyncio.gather(*(answers_twice(address) for address in (*addresses, stack.gateway_url)))


async def answers_twice(address: str) -> None:
    place = urlsplit(address)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        await answer(reader, writer)
        await asyncio.sleep(IDLE_SECONDS)
        await answer(reader, writer)
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET /health/live HTTP/1.1\r\nHost: dinsight\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    length = next(line for line in head.lower().splitlines() if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.partition(b":")[2]))
