"""Writes an Alembic project with all that a history can have.

usage: alembic_project.py DIRECTORY URL one|per [named]

one, per: one transaction for all revisions, or one for each.  named: percent
signs are not doubled.
"""

import os
import sys

directory, url, transactions = sys.argv[1:4]
named = "named" in sys.argv[4:]

ENV = """
import os
from logging.config import fileConfig
from alembic import context
from sqlalchemy import create_engine, pool

fileConfig(context.config.config_file_name)
options = dict(
    transaction_per_migration=%r,
    version_table=os.environ.get("VERSION_TABLE", "alembic_version"),
    version_table_schema=os.environ.get("VERSION_SCHEMA"),
)
if context.is_offline_mode():
    context.configure(url="postgresql://", literal_binds=True, %s **options)
    with context.begin_transaction():
        context.run_migrations()
else:
    engine = create_engine(%r, poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, **options)
        with context.begin_transaction():
            context.run_migrations()
""" % (
    transactions == "per",
    'dialect_opts={"paramstyle": "named"},' if named else "",
    url,
)

INI = """[alembic]
script_location = env
[loggers]
keys = root,alembic
[handlers]
keys = console
[formatters]
keys = generic
[logger_root]
level = WARN
handlers = console
qualname =
[logger_alembic]
level = INFO
handlers =
qualname = alembic
[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = generic
[formatter_generic]
format = %(levelname)-5.5s [%(name)s] %(message)s
"""


def write(name, text):
    path = os.path.join(directory, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)


def revision(name, down, up, back, message, depends_on=None, labels=None):
    def body(text):
        return "\n".join("    " + line for line in text.strip("\n").split("\n"))

    write(
        "env/versions/%s.py" % name,
        '"""%s"""\nfrom alembic import op\nimport sqlalchemy as sa\n'
        "revision = %r\ndown_revision = %r\ndepends_on = %r\nbranch_labels = %r\n\n"
        "def upgrade():\n%s\n\ndef downgrade():\n%s\n"
        % (message, name, down, depends_on, labels, body(up), body(back)),
    )


def table(name, reference=None):
    key = ", sa.ForeignKey('%s.id')" % reference if reference else ""
    return (
        "op.create_table('%s', sa.Column('id', sa.BigInteger%s, primary_key=True))"
        % (name, key),
        "op.drop_table('%s')" % name,
    )


write("alembic.ini", INI)
write("env/env.py", ENV)
revision(
    "a1",
    None,
    "op.create_table('users', sa.Column('id', sa.Integer, primary_key=True),"
    " sa.Column('name', sa.String(50), server_default='x%y'))",
    "op.drop_table('users')",
    "create users",
)
for i in range(2, 14):
    revision(
        "a%d" % i,
        "a%d" % (i - 1),
        "op.add_column('users', sa.Column('c%d', sa.Integer(),"
        " comment='100%% \"q\" it\\'s %d'))" % (i, i),
        "op.drop_column('users', 'c%d')" % i,
        "add c%d" % i,
    )
revision(
    "cic",
    "a13",
    """
op.execute("UPDATE users SET name = 'a%b' WHERE name LIKE '%x'")
with op.get_context().autocommit_block():
    op.create_index('ix_name', 'users', ['name'], postgresql_concurrently=True)
    op.execute("CREATE TYPE mood AS ENUM ('a')")
    op.execute("ALTER TYPE mood ADD VALUE 'b'")
op.execute("ALTER TABLE users ADD mood mood DEFAULT 'b'")
""",
    """
op.drop_column('users', 'mood')
op.execute('DROP TYPE mood')
with op.get_context().autocommit_block():
    op.drop_index('ix_name', table_name='users', postgresql_concurrently=True)
""",
    "an index, and more",
)
revision("b1", "cic", *table("t1"), "one branch")
revision(
    "b2",
    "b1",
    "op.bulk_insert(sa.table('t1', sa.column('id', sa.Integer)), [{'id': 1}, {'id': 2}])",
    "op.execute('DELETE FROM t1 WHERE id < 3')",
    "rows",
)
revision("c1", "cic", *table("t2"), "the other branch")
revision(
    "c2",
    "c1",
    "op.execute('''CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE NOTICE '%', 1; RETURN format('%s', 'x'); END $$''')",
    "op.execute('DROP FUNCTION f()')",
    "a function",
)
revision("m1", ("b2", "c2"), "pass", "pass", "merge")
revision("x1", None, *table("x", "t1"), "a base of its own", "m1", ("extra",))
revision("x2", "x1", *table("xy", "x"), "goes on")
revision("n1", "m1", *table("n"), "the main line")
revision("n2", "n1", *table("n2", "xy"), "needs the other line", "x2")
