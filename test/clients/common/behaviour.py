"""What the Python clients share: TAP lines and waiting."""

import time


def ok(holds, behaviour, *explain):
    print(f"{'ok' if holds else 'not ok'} - {behaviour}", flush=True)
    if not holds:
        for value in explain:
            for line in str(value).splitlines() or [""]:
                print(f"# {line}", flush=True)


def same(seen, wanted, behaviour):
    ok(seen == wanted, behaviour, f"     got: {seen!r}", f"expected: {wanted!r}")


def wait_until(condition, seconds=10):
    """Calls condition until it is true; returns whether that happened."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


HISTORY = ["one_items", "two_index", "three_state", "four_vacuum"]
GREETING = "greetings from the script: größer"


def at_position(query, position):
    """The word of the query at a position as PostgreSQL counts it, from 1."""
    return query[int(position) - 1:].split()[0]
