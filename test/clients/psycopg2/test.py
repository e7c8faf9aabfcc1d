"""psycopg 2: simple protocol, a transaction begun by the driver."""

import threading
import time

import psycopg2
import psycopg2.extras
from behaviour import GREETING, HISTORY, at_position, ok, same, wait_until

conn = psycopg2.connect("")
observer = psycopg2.connect("")
observer.autocommit = True


def value(query, *args):
    with observer.cursor() as cur:
        cur.execute(query, args)
        return cur.fetchone()[0]


def offer(what):
    return value("SELECT fixture.offer(%s)", what)


def withdraw(revision):
    with observer.cursor() as cur:
        cur.execute("SELECT schemamig_remove(%s)", (revision,))


# The driver begins a transaction by itself before the first statement.
with conn.cursor(cursor_factory=psycopg2.extras.DictCursor) as cur:
    cur.execute("SELECT * FROM schemamig_apply('head')")
    rows = cur.fetchall()
same(
    conn.info.transaction_status,
    psycopg2.extensions.TRANSACTION_STATUS_INTRANS,
    "the call stands in the driver's own transaction",
)
same([row["revision"] for row in rows], HISTORY, "a row for each revision")
ok(
    all(row["direction"] == "apply" and row["steps"] >= 1 for row in rows)
    and [row["seq"] for row in rows] == [1, 2, 3, 4],
    "each row has seq, direction and steps",
    rows,
)
ok(
    any(GREETING in notice for notice in conn.notices),
    "the script's NOTICE arrives",
    *conn.notices,
)
same(
    value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'item_name_idx'::regclass"),
    True,
    "the index built concurrently is valid",
)
conn.commit()
same(value("SELECT count(*) FROM item WHERE state = 'sold'"), 100, "the new enum value is used")

# What the run committed does not depend on the caller's transaction.
revision = offer("index")
with conn.cursor() as cur:
    cur.execute("SELECT schemamig_apply(%s)", ("head",))
conn.rollback()
same(value("SELECT fixture.state(%s)", revision), "applied", "a ROLLBACK of the caller undoes nothing")

# After other work in the same transaction, inside a savepoint.
revision = offer("index")
with conn.cursor() as cur:
    cur.execute("SELECT 1")
    cur.execute("SAVEPOINT before")
    cur.execute("SELECT revision FROM schemamig_apply('head')")
    same(cur.fetchall(), [(revision,)], "it works inside a savepoint")
    cur.execute("RELEASE before")
conn.commit()

# A named cursor, fetched row by row.
revision = offer("index")
with conn.cursor("named") as cur:
    cur.itersize = 1
    cur.execute("SELECT revision FROM schemamig_apply('head')")
    same([row[0] for row in cur], [revision], "it works through a server-side cursor")
conn.commit()

# REPEATABLE READ cannot give its snapshot back: refused before anything runs.
revision = offer("index")
conn.set_session(isolation_level="REPEATABLE READ")
try:
    with conn.cursor() as cur:
        cur.execute("SELECT schemamig_apply('head')")
    ok(False, "REPEATABLE READ is refused", "there was no error")
except psycopg2.Error as error:
    ok(error.diag.message_hint, "REPEATABLE READ is refused, with a hint", error)
conn.rollback()
same(value("SELECT fixture.state(%s)", revision), "pending", "and nothing has run")
conn.set_session(isolation_level="READ COMMITTED")
with conn.cursor() as cur:
    cur.execute("SELECT schemamig_apply('head')")
conn.commit()
same(value("SELECT fixture.state(%s)", revision), "applied", "READ COMMITTED applies it")

# An error of the script, with everything one needs to find it.
revision = offer("fails")
try:
    with conn.cursor() as cur:
        cur.execute("SELECT schemamig_apply('head')")
    ok(False, "an error of the script is an error of the call")
except psycopg2.errors.UndefinedColumn as error:
    diag = error.diag
    ok(True, "an error of the script is the exception of its SQLSTATE")
    ok("no_such_column" in diag.message_primary, "with the server's message", diag.message_primary)
    same(
        diag.internal_query and at_position(diag.internal_query, diag.internal_position),
        "no_such_column",
        "with the position in the script, after characters that are no ASCII",
    )
    told = f"{diag.message_primary}\n{diag.message_detail}\n{diag.message_hint}\n{diag.context}"
    ok(revision in told and "line 4" in told, "with revision and line", told)
conn.rollback()
same(value("SELECT fixture.left_behind()"), "nothing", "the failed revision leaves nothing behind")
withdraw(revision)

# Cancelled by the driver.
revision = offer("sleeps")
outcome = []


def apply():
    try:
        with conn.cursor() as cur:
            cur.execute("SELECT schemamig_apply('head')")
        outcome.append(None)
    except psycopg2.Error as error:
        outcome.append(error.pgcode)


thread = threading.Thread(target=apply)
thread.start()
ok(wait_until(lambda: value("SELECT fixture.asleep()")), "the run is under way")
same(value("SELECT fixture.waits_without_snapshot()"), True, "the caller waits without a snapshot")
start = time.monotonic()
conn.cancel()
thread.join(10)
same(outcome, ["57014"], "cancel() ends the call")
ok(time.monotonic() - start < 2, "within two seconds", time.monotonic() - start)
conn.rollback()
same(value("SELECT fixture.left_behind()"), "nothing", "the cancelled run leaves nothing behind")
withdraw(revision)

with conn.cursor() as cur:
    cur.execute("SELECT * FROM schemamig_apply('head')")
    same(cur.fetchall(), [], "nothing to do gives no row")
ok("nothing" in conn.notices[-1].lower(), "and a NOTICE that says so", conn.notices[-1])
conn.commit()
print("finished")
