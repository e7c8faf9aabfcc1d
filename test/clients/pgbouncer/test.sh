#!/usr/bin/env bash
# PgBouncer in transaction mode: the session is another after each COMMIT.

# shellcheck source=test/clients/common/behaviour.sh
. "$COMMON/behaviour.sh"
cd "$CLIENT_WORK" || exit 1

cat >pgbouncer.ini <<INI
[databases]
* = host=$PGHOST port=$PGPORT user=$PGUSER

[pgbouncer]
pool_mode = transaction
default_pool_size = 2
listen_addr =
unix_socket_dir = $CLIENT_WORK
listen_port = 6432
auth_type = any
admin_users = $PGUSER
ignore_startup_parameters = extra_float_digits,options
logfile = $CLIENT_WORK/pgbouncer.log
pidfile = $CLIENT_WORK/pgbouncer.pid
INI
"$PGBOUNCER" pgbouncer.ini >/dev/null 2>pgbouncer.err &
pooler=$!
trap 'kill "$pooler" 2>/dev/null; wait "$pooler" 2>/dev/null' EXIT
through=(-h "$CLIENT_WORK" -p 6432)
for _ in {1..100}; do
	psql -X -q "${through[@]}" -c 'SELECT 1' >/dev/null 2>&1 && break
	sleep 0.1
done
if ! psql -X -q "${through[@]}" -c 'SELECT 1' >/dev/null; then
	cat pgbouncer.err pgbouncer.log >&2
	exit 1
fi
apply="SELECT revision FROM schemamig_apply('head')"

out=$(psql -X -q -A -t "${through[@]}" -c "$apply" 2>notices)
same "${out//$'\n'/ }" "$history" "a row for each revision"
contains "$(<notices)" "greetings from the script: größer" \
	"the script's NOTICE arrives"

revision=$(offer index)
out=$(psql -X -q -A -t "${through[@]}" 2>/dev/null <<<"BEGIN; $apply; COMMIT;")
same "$out" "$revision" "it works inside BEGIN and COMMIT"

echo "SELECT * FROM schemamig_apply('head');" >apply.sql
revision=$(offer index)
out=$(pgbench -n "${through[@]}" -M extended -t 3 -f apply.sql 2>&1)
same "$(state "$revision")" applied "it works with the extended protocol"

# More clients than connections to the server.
revision=$(offer index)
out=$(pgbench -n "${through[@]}" -c 6 -t 1 -f apply.sql 2>&1)
ok $? "six clients share two connections, none fails" "$out"
same "$(state "$revision")" applied "and the work is done"

revision=$(offer fails)
out=$(psql -X -q "${through[@]}" -v VERBOSITY=verbose -c "$apply" 2>&1)
contains "$out" "42703:*no_such_column" "an error of the script has its SQLSTATE"
contains "$out" "$revision" "and names the revision"
withdraw "$revision"

revision=$(offer sleeps)
cancel_psql "${through[@]}"

# The client dies; PgBouncer closes its connection to the server.
psql -X -q "${through[@]}" -c "$apply" >/dev/null 2>&1 &
client=$!
disown "$client"
wait_asleep
ok $? "another run is under way"
kill -KILL "$client"
sleep 1
same "$(left_behind)" nothing "a client that is gone takes its run along"
withdraw "$revision"
echo finished
