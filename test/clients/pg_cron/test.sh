#!/usr/bin/env bash
# pg_cron: jobs that apply, over libpq and in background workers.  Each mode
# is a setting of the server, and so each has a server of its own.

# shellcheck source=test/clients/common/behaviour.sh
. "$COMMON/behaviour.sh"

modes="libpq worker"
port=5432
unset PGPASSWORD
export PGUSER=postgres PGPORT=$port PGDATABASE=postgres

stop_all() {
	local mode
	for mode in $modes; do
		if [ -f "$CLIENT_WORK/$mode/data/postmaster.pid" ]; then
			pg_ctl -D "$CLIENT_WORK/$mode/data" -m fast -t 20 -w stop >/dev/null 2>&1 ||
				pg_ctl -D "$CLIENT_WORK/$mode/data" -m immediate -w stop >/dev/null 2>&1
		fi
	done
}
trap stop_all EXIT

for mode in $modes; do
	dir=$CLIENT_WORK/$mode
	mkdir "$dir"
	initdb -D "$dir/data" -U postgres -N -E UTF8 --locale=C.UTF-8 -A trust \
		>"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
	cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$dir'
port = $port
fsync = off
max_worker_processes = 16
shared_preload_libraries = 'pg_cron'
cron.host = '$dir'
cron.use_background_workers = $([ "$mode" = worker ] && echo on || echo off)
CONF
	pg_ctl -D "$dir/data" -l "$dir/log" -w start >"$dir/start.log" 2>&1 ||
		{ cat "$dir/start.log" "$dir/log" >&2; exit 1; }
	export PGHOST=$dir
	psql -X -q -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION pg_cron' \
		-f "$COMMON/fixture.sql" >"$dir/fixture.log" 2>&1 ||
		{ cat "$dir/fixture.log" >&2; exit 1; }
	# Versions from 1.5 on can run jobs by the second.
	schedule=$(value "SELECT CASE WHEN string_to_array(
				regexp_replace(extversion, '[^0-9.].*', ''), '.')::int[] >= '{1,5}'
			THEN '1 second' ELSE '* * * * *' END
		FROM pg_extension WHERE extname = 'pg_cron'") || exit 1
	value "SELECT cron.schedule('apply', '$schedule',
		\$\$SELECT schemamig_apply('head')\$\$)" >/dev/null || exit 1
done

# Both clocks strike in the same minute.
for mode in $modes; do
	export PGHOST=$CLIENT_WORK/$mode
	for _ in {1..150}; do
		[ "$(value "SELECT count(*) FROM cron.job_run_details
			WHERE status IN ('succeeded', 'failed')")" = 0 ] || break
		sleep 0.5
	done
	same "$(value "SELECT status FROM cron.job_run_details
		WHERE status IN ('succeeded', 'failed') ORDER BY runid LIMIT 1")" \
		succeeded "mode $mode: the job succeeds"
	same "$(value "SELECT string_agg(revision, ' ' ORDER BY applied_at)
		FROM schemamig_history() WHERE state = 'applied'")" "$history" \
		"mode $mode: the history is applied"
	same "$(value "SELECT indisvalid FROM pg_index
		WHERE indexrelid = to_regclass('item_name_idx')")" t \
		"mode $mode: the index built concurrently is valid"
	same "$(left_behind)" nothing "mode $mode: nothing is left behind"
done
echo finished
