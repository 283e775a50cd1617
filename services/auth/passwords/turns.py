"""Turns of hashing passwords, which the database does on purpose slowly.

A flood of sign-ins and registrations would otherwise take all connections of this service, and all
processors of the database. Wait for a turn before a transaction, never within one.
"""

import asyncio

# Each is a quarter of a second of a processor of the database: more than ten sign-ins a second.
MAX_AT_ONCE = 3


class HashingTurns(asyncio.Semaphore):
    def __init__(self) -> None:
        super().__init__(MAX_AT_ONCE)
