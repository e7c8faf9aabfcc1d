# Failures of CONCURRENTLY statements leave no INVALID index and no pending
# detachment, and the next apply tries again; IF NOT EXISTS never takes an
# INVALID index for success.

use strict;
use warnings FATAL => 'all';

use Schemamig::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_node('concurrently');
my $ctl = session($node);
my $caller = session($node, name => 'deploy');
my $blocker = session($node, name => 'blocker');

# 1. a unique violation
{
	my $name = 'unique violation';

	$ctl->query('CREATE TABLE u AS SELECT 1 AS a FROM generate_series(1, 2)');
	revision($ctl, 'unique', "CREATE TABLE u_log ();\nCREATE UNIQUE INDEX CONCURRENTLY u_a ON u (a);");
	$caller->query("SELECT * FROM schemamig_apply('unique')");
	like($caller->err, qr/ERROR:  23505: could not create unique index "u_a"\nDETAIL:  Key \(a\)=\(1\) is duplicated/,
		"$name: the error");
	like($caller->err, qr/revision "unique", step 2, statement 2, line 2/, "$name: with its place");
	like($caller->err, qr/schemamig_apply\('unique'\) continues at step 2/, "$name: and how to go on");
	is($ctl->query("SELECT to_regclass('u_a') IS NULL"), 't', "$name: no INVALID index is left");
	$ctl->query('DELETE FROM u WHERE ctid IN (SELECT ctid FROM u LIMIT 1)');
	like($caller->query("SELECT * FROM schemamig_apply('unique')"), qr/^1\|unique\|apply\|unique\|2/,
		"$name: the next apply succeeds");
	nothing_left($ctl, $name);
}

# 2. lock_timeout, set by the script, and cancel, in every such statement
my @statements = (
	[ 'CREATE INDEX CONCURRENTLY', 'CREATE TABLE c AS SELECT 1 AS a',
		'CREATE INDEX CONCURRENTLY c_a ON c (a)', 'UPDATE c SET a = 2',
		"SELECT indisvalid FROM pg_index WHERE indexrelid = 'c_a'::regclass" ],
	[ 'REINDEX INDEX CONCURRENTLY', 'CREATE TABLE c AS SELECT 1 AS a; CREATE INDEX c_a ON c (a)',
		'REINDEX INDEX CONCURRENTLY c_a', 'UPDATE c SET a = 2',
		"SELECT indisvalid FROM pg_index WHERE indexrelid = 'c_a'::regclass" ],
	[ 'REINDEX TABLE CONCURRENTLY after the swap', 'CREATE TABLE c AS SELECT 1 AS a; CREATE INDEX c_a ON c (a)',
		'REINDEX TABLE CONCURRENTLY c', 'SELECT * FROM c',
		"SELECT indisvalid FROM pg_index WHERE indexrelid = 'c_a'::regclass" ],
	[ 'DROP INDEX CONCURRENTLY', 'CREATE TABLE c AS SELECT 1 AS a; CREATE INDEX c_a ON c (a)',
		'DROP INDEX CONCURRENTLY c_a', 'SELECT * FROM c',
		"SELECT to_regclass('c_a') IS NULL" ],
	[ 'DETACH PARTITION CONCURRENTLY',
		'CREATE TABLE c (a int) PARTITION BY LIST (a); CREATE TABLE c_1 PARTITION OF c FOR VALUES IN (1)',
		'ALTER TABLE c DETACH PARTITION c_1 CONCURRENTLY', 'SELECT * FROM c',
		"SELECT count(*) = 0 FROM pg_inherits WHERE inhrelid = 'c_1'::regclass" ]);
my $n = 0;
foreach my $how ('lock_timeout', 'cancel')
{
	foreach my $case (@statements)
	{
		my ($what, $before, $up, $block, $check) = @$case;
		my $name = "$how in $what";
		my $id = 'f' . ++$n;

		$ctl->query("DROP TABLE IF EXISTS c_1, c; $before");
		revision($ctl, $id, ($how eq 'lock_timeout' ? "SET lock_timeout = '150ms'; " : '')
			  . "CREATE TABLE ${id}_x (); $up;");
		$blocker->query("BEGIN; $block");
		$caller->send("SELECT * FROM schemamig_apply('$id')");
		if ($how eq 'cancel')
		{
			worker_at($ctl, "wait_event_type = 'Lock'", $caller);
			$ctl->query('SELECT pg_cancel_backend(' . $caller->pid . ')');
		}
		$caller->wait;
		like($caller->err,
			$how eq 'cancel' ? qr/ERROR:  57014/ : qr/ERROR:  55P03: canceling statement due to lock timeout/,
			"$name: the error");
		# the blocker is still there: what cannot be removed now is removed
		# by the next apply
		$blocker->query('COMMIT');
		like($caller->query("SELECT * FROM schemamig_apply('$id')"), qr/^1\|$id\|/, "$name: the next apply succeeds");
		is($ctl->query($check), 't', "$name: the statement's effect is there");
		nothing_left($ctl, $name);
	}
}

# 3. a cancel with nobody in the way of the clean-up leaves nothing at once
{
	my $name = 'cancel in the build';

	$ctl->query('CREATE TABLE hold AS SELECT 30 AS wait;'
		  . ' CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS'
		  . ' $$BEGIN PERFORM pg_catalog.pg_sleep(wait) FROM public.hold; RETURN $1; END$$;'
		  . ' CREATE TABLE s AS SELECT 1 AS a');
	revision($ctl, 'slow', 'CREATE INDEX CONCURRENTLY ON s (slow(a))');
	$caller->send("SELECT * FROM schemamig_apply('slow')");
	worker_at($ctl, "wait_event = 'PgSleep'", $caller);
	$ctl->query('SELECT pg_cancel_backend(' . $caller->pid . ')');
	$caller->wait;
	no_worker($ctl, 2, $name);
	nothing_left($ctl, $name);
	$ctl->query('UPDATE hold SET wait = 0');
	like($caller->query("SELECT * FROM schemamig_apply('slow')"), qr/^1\|slow\|/, "$name: the next apply succeeds");
}

# 4. an INVALID index of the name is there
sub invalid_index
{
	my ($table, $index) = @_;

	$ctl->query("CREATE TABLE $table AS SELECT 1 AS a FROM generate_series(1, 2);"
		  . " CREATE UNIQUE INDEX CONCURRENTLY $index ON $table (a)");
	is($ctl->query("SELECT indisvalid FROM pg_index WHERE indexrelid = '$index'::regclass"),
		'f', "$table: an INVALID index is there");
	$ctl->query("DELETE FROM $table WHERE ctid IN (SELECT ctid FROM $table LIMIT 1)");
	return;
}
foreach my $case (
	[ 'concurrent', 'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i_concurrent ON t_concurrent (a)', 'revision' ],
	[ 'plain', 'CREATE UNIQUE INDEX IF NOT EXISTS i_plain ON t_plain (a)', 'revision' ],
	[ 'all', 'CREATE UNIQUE INDEX IF NOT EXISTS i_all ON t_all (a)', 'all' ],
	[ 'caller', 'CREATE UNIQUE INDEX IF NOT EXISTS i_caller ON t_caller (a)', 'caller' ])
{
	my ($which, $up, $transaction) = @$case;
	my $name = "IF NOT EXISTS over an INVALID index, $which";

	invalid_index("t_$which", "i_$which");
	revision($ctl, "exists_$which", $up);
	like($caller->query("SELECT * FROM schemamig_apply('exists_$which', transaction => '$transaction')"),
		qr/^1\|exists_$which/, "$name: applied");
	like($caller->err, qr/NOTICE:.* index "i_$which" exists but is INVALID, dropping and building it again/,
		"$name: with a notice");
	is($ctl->query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i_$which'::regclass"),
		't', "$name: the index is valid");
}

# 5. what is somebody else's stays: an INVALID index that was there before
{
	my $name = "another's INVALID index";

	invalid_index('o', 'o_other');
	$ctl->query('INSERT INTO o SELECT a FROM o');
	revision($ctl, 'mine', 'CREATE UNIQUE INDEX CONCURRENTLY o_mine ON o (a)');
	$caller->query("SELECT * FROM schemamig_apply('mine')");
	like($caller->err, qr/ERROR:  23505/, "$name: the run fails");
	is($ctl->query("SELECT string_agg(indexrelid::regclass::text, ' ') FROM pg_index WHERE indrelid = 'o'::regclass"),
		'o_other', "$name: only what the run left is removed");
	$ctl->query('DROP INDEX o_other; DELETE FROM o WHERE ctid IN (SELECT ctid FROM o LIMIT 1)');
	like($caller->query("SELECT * FROM schemamig_apply('mine')"), qr/^1\|mine/, "$name: the next apply succeeds");
}

# 6. as a role that owns the table and no more; TOAST indexes included
{
	my $name = 'REINDEX CONCURRENTLY by a plain role';
	my $plain;

	$ctl->query('CREATE ROLE plain LOGIN; GRANT CREATE ON SCHEMA public TO plain;'
		  . ' GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO plain;'
		  . ' GRANT USAGE ON SCHEMA schemamig TO plain');
	$plain = session($node, user => 'plain');
	$plain->query("CREATE TABLE p AS SELECT 1 AS a, repeat('x', 10) AS b; CREATE INDEX p_a ON p (a)");
	revision($plain, 'plain', 'CREATE TABLE plain_x (); REINDEX TABLE CONCURRENTLY p;');
	$blocker->query('BEGIN; SELECT * FROM p');
	$plain->send("SELECT * FROM schemamig_apply('plain')");
	worker_at($ctl, "wait_event_type = 'Lock'", $plain);
	isnt($ctl->query("SELECT count(*) FROM pg_class WHERE relname ~ '^pg_toast.*_index_cc(new|old)'"),
		0, "$name: there is a TOAST index to clean up");
	$ctl->query('SELECT pg_terminate_backend(' . worker_pid($ctl) . ')');
	$plain->wait;
	$blocker->query('COMMIT');
	like($plain->query("SELECT * FROM schemamig_apply('plain')"), qr/^1\|plain/, "$name: the next apply succeeds")
	  or diag($plain->err);
	nothing_left($ctl, $name);
}

$node->stop;
done_testing();
