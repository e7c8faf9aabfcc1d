#!/usr/bin/env bash
# psql: simple protocol, the caret below the mistake, Ctrl-C.

# shellcheck source=test/clients/common/behaviour.sh
. "$COMMON/behaviour.sh"
apply="SELECT revision FROM schemamig_apply('head')"

out=$(psql -X -q -A -t -c "$apply" 2>"$CLIENT_WORK/notices")
same "${out//$'\n'/ }" "$history" "a row for each revision"
contains "$(<"$CLIENT_WORK/notices")" \
	"NOTICE:  greetings from the script: größer" "the script's NOTICE arrives"
same "$(value "SELECT indisvalid FROM pg_index WHERE indexrelid = 'item_name_idx'::regclass")" \
	t "the index built concurrently is valid"
same "$(value "SELECT count(*) FROM item WHERE state = 'sold'")" 100 \
	"the new enum value is used"

# The ways in which psql sends a statement.
revision=$(offer index)
out=$(psql -X -q -A -t 2>/dev/null <<<"BEGIN; $apply; COMMIT;")
same "$out" "$revision" "it works inside BEGIN and COMMIT"
revision=$(offer index)
out=$(psql -X -q -A -t -v AUTOCOMMIT=off 2>/dev/null <<<"$apply; COMMIT;")
same "$out" "$revision" "it works with AUTOCOMMIT off"
revision=$(offer index)
out=$(psql -X -q -A -t -v FETCH_COUNT=1 2>/dev/null <<<"$apply;")
same "$out" "$revision" "it works with FETCH_COUNT, that is through a cursor"
revision=$(offer index)
out=$(psql -X -q -A -t 2>/dev/null <<<"SELECT schemamig_apply(target => 'head') \\gset
\\echo :schemamig_apply")
contains "$out" ",$revision,apply," "it works with \\gset"
revision=$(offer index)
psql -X -q -c "DO \$\$ BEGIN CALL schemamig_run('head'); END \$\$" \
	>"$CLIENT_WORK/out" 2>&1
same "$(state "$revision")" applied "CALL schemamig_run works in a DO block"
revision=$(offer index)
psql -X -q -c "CALL schemamig_run()" >"$CLIENT_WORK/out" 2>&1
same "$(state "$revision")" applied "CALL schemamig_run works alone"

# A query with more in it would have to keep its snapshot.
revision=$(offer index)
out=$(psql -X -q -v VERBOSITY=default \
	-c "SELECT count(*) FROM item, schemamig_apply('head')" 2>&1)
contains "$out" "ERROR:*HINT:" "inside a larger query it refuses, with a hint"
same "$(state "$revision")" pending "before anything has run"
psql -X -q -c "$apply" >/dev/null 2>&1

# A mistake in a script.
revision=$(offer fails)
out=$(psql -X -q -v VERBOSITY=verbose -c "$apply" 2>&1)
same $? 1 "an error of the script is an error of psql"
contains "$out" "ERROR:  42703: *no_such_column" "with its SQLSTATE and message"
source_line=$(grep -m1 'LINE [0-9]*:.*no_such_column' <<<"$out")
caret_line=$(grep -A1 -m1 'LINE [0-9]*:.*no_such_column' <<<"$out" | tail -n 1)
same "$(awk -v s="$source_line" -v c="$caret_line" \
	'BEGIN { print substr(s, index(c, "^"), 14) }')" "no_such_column" \
	"and the caret below the word"
contains "$out" "$revision" "and the revision"
contains "$out" "line 4" "and the line in the script"
same "$(left_behind)" nothing "the failed revision leaves nothing behind"
withdraw "$revision"

# Messages in another encoding: the letters are one byte each in LATIN1.
revision=$(offer fails)
PGCLIENTENCODING=LATIN1 psql -X -q -c "$apply" >"$CLIENT_WORK/latin1" 2>&1
grep -qa $'Gr\xf6\xdfe' "$CLIENT_WORK/latin1"
ok $? "messages come in the client's encoding" "$(iconv -f latin1 -t utf8 "$CLIENT_WORK/latin1")"
withdraw "$revision"

revision=$(offer sleeps)
cancel_psql
withdraw "$revision"

out=$(psql -X -q -A -t -c "$apply" 2>&1)
contains "$out" "NOTICE:" "nothing to do is a NOTICE"
same "$(grep -vc NOTICE: <<<"$out")" 0 "and no row"
echo finished
