# shellcheck shell=bash
#
# behaviour.sh
#	  What the clients that are programs share: TAP lines, waiting, queries.

# shellcheck disable=SC2034 # for those that read this file
history="one_items two_index three_state four_vacuum"

# ok STATUS BEHAVIOUR [EXPLAIN]
ok() {
	if [ "$1" = 0 ]; then
		printf 'ok - %s\n' "$2"
	else
		printf 'not ok - %s\n' "$2"
		[ -z "${3:-}" ] || printf '# %s\n' "${3//$'\n'/$'\n'# }"
	fi
}

# same SEEN WANTED BEHAVIOUR
same() {
	local status=0
	[ "$1" = "$2" ] || status=1
	ok "$status" "$3" "     got: $1
expected: $2"
}

# contains TEXT PATTERN BEHAVIOUR: the text has the (glob) pattern in it
contains() {
	local status=1
	# shellcheck disable=SC2053 # a pattern on purpose
	[[ $1 == *$2* ]] && status=0
	ok "$status" "$3" "$1"
}

# value QUERY: what a session of its own reads
value() { PGAPPNAME=observer psql -X -A -t -q -v ON_ERROR_STOP=1 -c "$1"; }

offer() { value "SELECT fixture.offer('$1')"; }
withdraw() { value "SELECT schemamig_remove('$1')" >/dev/null; }
state() { value "SELECT fixture.state('$1')"; }
left_behind() { value "SELECT fixture.left_behind()"; }

# Waits until a run is in the middle of the script that sleeps.
wait_asleep() {
	for _ in {1..200}; do
		[ "$(value 'SELECT fixture.asleep()')" != t ] || return 0
		sleep 0.05
	done
	return 1
}

# Milliseconds of some clock.
milliseconds() { date +%s%3N; }

# shellcheck disable=SC2120 # the options are optional
# cancel_psql [OPTION...]: applies with psql, sends it Ctrl-C during the sleep,
# and says what came out.  The revision that sleeps must be offered.
cancel_psql() {
	local pid start took
	psql -X -q "$@" -v VERBOSITY=verbose -c "SELECT schemamig_apply('head')" \
		>"$CLIENT_WORK/cancelled" 2>&1 &
	pid=$!
	wait_asleep
	ok $? "the run is under way" "$(<"$CLIENT_WORK/cancelled")"
	same "$(value 'SELECT fixture.waits_without_snapshot()')" t \
		"the caller waits without a snapshot"
	start=$(milliseconds)
	kill -INT "$pid"
	wait "$pid"
	took=$(($(milliseconds) - start))
	contains "$(<"$CLIENT_WORK/cancelled")" "57014" "Ctrl-C ends the call"
	[ "$took" -lt 2000 ]
	ok $? "within two seconds" "$took ms"
	same "$(left_behind)" nothing "the cancelled run leaves nothing behind"
}
