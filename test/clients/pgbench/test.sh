#!/usr/bin/env bash
# pgbench: each protocol, alone and inside BEGIN and END; many at once.

# shellcheck source=test/clients/common/behaviour.sh
. "$COMMON/behaviour.sh"
cd "$CLIENT_WORK" || exit 1

echo "SELECT * FROM schemamig_apply('head');" >alone.sql
printf '\\set x 1\nBEGIN;\nSELECT :x;\nSELECT schemamig_apply(%s);\nEND;\n' \
	"'head'" >block.sql

# bench BEHAVIOUR OPTION...: pgbench succeeds, and applies what is pending
bench() {
	local behaviour=$1 revision out status=0
	shift
	revision=$(offer index)
	out=$(pgbench -n "$@" 2>&1) || status=$?
	[ "$status" = 0 ] && [[ $out != *ERROR* ]] && [ "$(state "$revision")" = applied ]
	ok $? "$behaviour" "$out"
}

for mode in simple extended prepared; do
	bench "protocol $mode, alone" -M "$mode" -t 1 -f alone.sql
	bench "protocol $mode, in a block" -M "$mode" -t 1 -f block.sql
done
same "$(value "SELECT string_agg(revision, ' ' ORDER BY applied_at)
	FROM schemamig_history() WHERE revision !~ '^index_'")" "$history" \
	"the first of them applied the history"

bench "eight sessions at once: none fails, one does the work" \
	-M prepared -c 8 -t 2 -f alone.sql
same "$(value "SELECT count(*) FROM pg_class WHERE relname ~ '^item_.*_idx$'")" 8 \
	"nothing was done twice"
same "$(value "SELECT count(*) FROM pg_index WHERE NOT indisvalid")" 0 \
	"no index is INVALID"
same "$(left_behind)" nothing "nothing is left behind"
echo finished
