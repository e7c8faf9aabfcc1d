"""psycopg 3: extended protocol, parameters of the server, prepared plans."""

import threading
import time

import psycopg
from behaviour import GREETING, HISTORY, at_position, ok, same, wait_until

conn = psycopg.connect("")
observer = psycopg.connect("", autocommit=True)
notices = []
conn.add_notice_handler(
    lambda diag: notices.append((diag.message_primary, diag.sqlstate, diag.message_hint))
)


def value(query, *args):
    return observer.execute(query, args).fetchone()[0]


def offer(what):
    return value("SELECT fixture.offer(%s)", what)


def withdraw(revision):
    observer.execute("SELECT schemamig_remove(%s)", (revision,))


rows = conn.execute("SELECT * FROM schemamig_apply(%s)", ("head",)).fetchall()
same(
    conn.info.transaction_status,
    psycopg.pq.TransactionStatus.INTRANS,
    "the call stands in the driver's own transaction",
)
same([row[1] for row in rows], HISTORY, "a row for each revision, with a bound target")
same(
    [notice for notice in notices if notice[0] == GREETING],
    [(GREETING, "01S01", "the hint comes along")],
    "the script's NOTICE arrives once, with SQLSTATE and hint",
)
conn.commit()
same(
    value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'item_name_idx'::regclass"),
    True,
    "the index built concurrently is valid",
)

for number in (1, 2, 3):
    revision = offer("index")
    rows = conn.execute(
        "SELECT revision FROM schemamig_apply(%s)", ("head",), prepare=True
    ).fetchall()
    same(rows, [(revision,)], f"prepared on the server, execution {number}")
    conn.commit()

revision = offer("index")
conn.autocommit = True
rows = conn.execute("SELECT * FROM schemamig_apply('head')", binary=True).fetchall()
same([row[1] for row in rows], [revision], "autocommit, results in binary")
conn.autocommit = False

revision = offer("index")
with conn.transaction():
    rows = conn.execute("SELECT revision FROM schemamig_apply('head')").fetchall()
    same(rows, [(revision,)], "in a block of conn.transaction()")

revision = offer("index")
with conn.cursor() as cur:
    rows = list(cur.stream("SELECT revision FROM schemamig_apply('head')"))
    same(rows, [(revision,)], "row by row with stream()")
conn.commit()

revision = offer("fails")
try:
    conn.execute("SELECT * FROM schemamig_apply(%s)", (revision,))
    ok(False, "an error of the script is an error of the call")
except psycopg.errors.UndefinedColumn as error:
    diag = error.diag
    ok(True, "an error of the script is the exception of its SQLSTATE")
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

revision = offer("sleeps")
outcome = []


def apply():
    try:
        conn.execute("SELECT schemamig_apply('head')")
        outcome.append(None)
    except psycopg.Error as error:
        outcome.append(error.sqlstate)


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

conn.execute("SET LOCAL statement_timeout = '500ms'")
start = time.monotonic()
try:
    conn.execute("SELECT schemamig_apply('head')")
    ok(False, "statement_timeout of the caller ends the call")
except psycopg.errors.QueryCanceled:
    ok(True, "statement_timeout of the caller ends the call")
ok(0.4 < time.monotonic() - start < 2.5, "in time", time.monotonic() - start)
conn.rollback()
same(value("SELECT fixture.left_behind()"), "nothing", "and leaves nothing behind")
withdraw(revision)

del notices[:]
same(conn.execute("SELECT * FROM schemamig_apply('head')").fetchall(), [], "nothing to do gives no row")
same(len(notices), 1, "and one NOTICE")
conn.commit()
print("finished")
