#!/usr/bin/env python3
"""Walks the hash chain of a ledger as docs/ledger.md describes it, with nothing of Sluice's own code.

usage: verify_ledger.py sluice-data/sluice.db

Exits 0 when every row is as it was written, 1 and names the first row that is not. It can't check the seals: they need
secret.key, and `sluice audit verify` does.
"""
import hashlib
import sqlite3
import struct
import sys

COLUMNS = 27  # before `hash`
ORIGIN = bytes(32)


def encode(value):
    if value is None:
        return b"\x00"
    if isinstance(value, int):
        return b"\x01" + struct.pack(">q", value)
    if isinstance(value, str):
        text = value.encode()
        return b"\x02" + struct.pack(">I", len(text)) + text
    return b"\x03" + struct.pack(">I", len(value)) + bytes(value)


def row_hash(previous, columns):
    return hashlib.sha256(previous + b"\x01" + b"".join(map(encode, columns))).digest()


def walk(database):
    """The number of good rows, and the number of the first bad one or None."""
    previous, good = ORIGIN, 0
    for row in database.execute("SELECT * FROM ledger ORDER BY seq"):
        if row[0] != good + 1:
            return good, good + 1
        try:
            expected = row_hash(previous, row[:COLUMNS])
        except (TypeError, UnicodeError):
            return good, row[0]
        if row[COLUMNS] != expected:
            return good, row[0]
        previous, good = expected, row[0]
    return good, None


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    good, bad = walk(sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True))
    if bad is not None:
        print(f"row {bad} is missing, was changed, or doesn't follow row {bad - 1}")
        sys.exit(1)
    print(f"{good} rows, chain intact")
