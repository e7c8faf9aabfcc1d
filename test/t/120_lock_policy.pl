# Nobody waits long behind a run; blockers are named; the run goes on soon
# after they are gone, or fails with their names when the budget is over.

use strict;
use warnings FATAL => 'all';

use Schemamig::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_node('locks', 'autovacuum_naptime = 1s');
my $ctl = session($node);
my $blocker = session($node, name => 'blocker');
my $caller = session($node, name => 'deploy');
my $app = session($node, name => 'app');

$ctl->query('CREATE TABLE t AS SELECT i AS a, 0 AS b FROM generate_series(1, 100) i;'
	  . ' ALTER TABLE t ADD PRIMARY KEY (a)');

# Applies the revision while the blocker's transaction is open; the application
# reads and writes meanwhile.  Returns the longest time a query of it took.
sub with_application
{
	my ($seconds, $apply) = @_;
	my $begin = time;
	my $longest = 0;
	my $queries = 0;

	$caller->send($apply);
	while (time - $begin < $seconds)
	{
		foreach my $sql ('SELECT count(*) FROM t', 'UPDATE t SET b = b + 1 WHERE a = 50')
		{
			$app->query($sql);
			$longest = $app->took if $app->took > $longest;
			$queries++;
		}
		sleep 0.005;
	}
	return ($longest, $queries);
}

# 1. a blocker that is idle in transaction for long: the run waits outside
{
	my $name = 'blocker idle in transaction';

	revision($ctl, 'idle', 'ALTER TABLE t ADD c int');
	$blocker->query('BEGIN; SELECT a FROM t WHERE a = 7');
	sleep 0.6;    # longer than one try
	my ($longest, $queries) =
	  with_application(2, "SELECT * FROM schemamig_apply('idle')");
	cmp_ok($longest, '<', 0.5, "$name: application queries keep flowing ("
		  . sprintf('%d queries, at most %.0f ms)', $queries, 1000 * $longest));
	ok(!$caller->is_done, "$name: the run waits");
	my $pid = $blocker->pid;
	like($caller->err,
		qr/NOTICE:.* waiting for process $pid \(role "\w+", idle in transaction for \d+ \w+\): SELECT a FROM t WHERE a = 7/,
		"$name: named in a notice with role, state, time and query");
	$blocker->query('COMMIT');
	like($caller->wait, qr/^1\|idle\|apply/, "$name: the run goes on when it ends");
	is($caller->query("SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'c'"),
		1, "$name: and is done");
	like($ctl->query("SELECT message FROM schemamig.log_entry WHERE event = 'wait' ORDER BY seq DESC LIMIT 1"),
		qr/^process $pid .*idle in transaction.*a = 7/, "$name: named in the log");
}

# 2. a lock that nobody foresees: tries with lock_timeout
{
	my $name = 'blocker found by trying';

	revision($ctl, 'try', 'DO $$BEGIN ALTER TABLE t ADD d int; END$$');
	$blocker->query('BEGIN; SELECT a FROM t WHERE a = 8');
	my ($longest, $queries) =
	  with_application(4, "SET schemamig.lock_timeout = '300ms'; SELECT * FROM schemamig_apply('try')");
	cmp_ok($longest, '<', 2 * 0.3 + 0.2, "$name: application queries wait no longer than a try ("
		  . sprintf('%d queries, at most %.0f ms)', $queries, 1000 * $longest));
	ok(!$caller->is_done, "$name: the run goes on trying");
	my $pid = $blocker->pid;
	like($caller->err,
		qr/try 1 failed \(canceling statement due to lock timeout\); in the way: process $pid /,
		"$name: named in a notice");
	$blocker->query('COMMIT');
	like($caller->wait, qr/^1\|try\|apply/, "$name: the run goes on when it ends");
	cmp_ok($ctl->query("SELECT extract(epoch FROM clock_timestamp() - ended_at) < 5"
			  . " FROM schemamig.run WHERE target = 'try'"), 'eq', 't', "$name: soon");
	like($ctl->query("SELECT message FROM schemamig.log_entry WHERE event = 'retry' ORDER BY seq LIMIT 1"),
		qr/lock timeout; in the way: process $pid /, "$name: named in the log");
	$caller->query('RESET schemamig.lock_timeout');
}

# 3. row locks: only the caller sees whom the worker waits for
{
	my $name = 'blocker by a row lock';
	my $pid = $blocker->pid;

	revision($ctl, 'row', 'UPDATE t SET b = -1 WHERE a = 9');
	$blocker->query('BEGIN; UPDATE t SET b = 1 WHERE a = 9');
	$caller->send("SELECT * FROM schemamig_apply('row')");
	ok($caller->wait_err(qr/in the way: process $pid .*WHERE a = 9/), "$name: named in a notice");
	# its next transaction is none of our business
	$blocker->query('COMMIT; BEGIN; SELECT 1');
	like($caller->wait, qr/^1\|row\|apply/, "$name: the run goes on though the session has begun another transaction");
	cmp_ok($caller->took, '<', 5, "$name: soon");
	$blocker->query('COMMIT');
	is($ctl->query('SELECT b FROM t WHERE a = 9'), -1, "$name: and is done");
}

# 3a. a lock on a table that the statement does not name: it is foreseen, too
{
	my $name = 'blocker on the other table of a foreign key';
	my $pid = $blocker->pid;

	$ctl->query('CREATE TABLE r (a int CONSTRAINT r_a REFERENCES t)');
	revision($ctl, 'other', 'CREATE TABLE made (a int); ALTER TABLE r DROP CONSTRAINT r_a; ALTER TABLE made ADD b int');
	$blocker->query('BEGIN; SELECT a FROM t WHERE a = 10');
	sleep 0.6;
	$caller->send("SELECT * FROM schemamig_apply('other')");
	ok($caller->wait_err(qr/waiting for process $pid .*WHERE a = 10/), "$name: waited for outside of the queue");
	unlike($caller->err, qr/try 1 failed/, "$name: without a try");
	$blocker->query('COMMIT');
	like($caller->wait, qr/^1\|other\|apply/, "$name: the run goes on when it ends");
}

# 3b. a lock on what a query may never reach is nobody's business
{
	my $name = 'blocker on another partition';

	$ctl->query('CREATE TABLE p (k int, v int) PARTITION BY LIST (k); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);'
		  . ' CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2); INSERT INTO p VALUES (1, 1), (2, 2)');
	revision($ctl, 'partition', 'UPDATE p SET v = 7 WHERE k = 1; INSERT INTO p VALUES (1, 8)');
	$blocker->query('BEGIN; LOCK TABLE p2 IN SHARE MODE');
	sleep 0.6;
	like($caller->query("SELECT * FROM schemamig_apply('partition')"), qr/^1\|partition\|apply/,
		"$name: is not waited for");
	unlike($caller->err, qr/waiting for|try 1 failed/, "$name: nor mentioned");
	$blocker->query('COMMIT');
}

# 4. the budget
{
	my $pid = $blocker->pid;

	foreach my $case (
		[ 'outside', 'ALTER TABLE t ADD e int', 'SELECT a FROM t WHERE a = 10' ],
		[ 'trying', 'DO $$BEGIN ALTER TABLE t ADD e int; END$$', 'SELECT a FROM t WHERE a = 10' ],
		[ 'at a row', 'UPDATE t SET b = -2 WHERE a = 10', 'UPDATE t SET b = 1 WHERE a = 10' ])
	{
		my ($where, $up, $sql) = @$case;
		my $name = "budget over, waiting $where";
		my $id = 'budget_' . $where =~ s/ .*//r;

		revision($ctl, $id, $up);
		$blocker->query("BEGIN; $sql");
		sleep 0.6 if $where eq 'outside';
		$caller->query("SET schemamig.lock_wait = '1500ms'; SELECT * FROM schemamig_apply('$id')");
		like($caller->err, qr/ERROR:  55P03: /, "$name: the error is lock_not_available");
		like($caller->err, qr/Blocked by process $pid \(role "\w+", idle in transaction for \d+ m?s\): .*a = 10/,
			"$name: the error names the blocker");
		like($caller->err, qr/HINT:  End the blocking session, or raise schemamig.lock_wait.\n.*schemamig_apply\('$id'\)/,
			"$name: and says what to do");
		cmp_ok($caller->took, '<', 4, "$name: in time");
		is($ctl->query("SELECT state, sqlstate, revision FROM schemamig.run WHERE target = '$id'"),
			"failed|55P03|$id", "$name: on record");
		$blocker->query('ROLLBACK');
		like($caller->query("SELECT * FROM schemamig_apply('$id')"), qr/^1\|$id/,
			"$name: the next apply succeeds");
		$ctl->query('ALTER TABLE t DROP COLUMN IF EXISTS e');
	}
	$caller->query('RESET schemamig.lock_wait');
}

# 5. a prepared transaction
{
	my $name = 'prepared transaction';

	revision($ctl, 'prepared', 'ALTER TABLE t ADD f int');
	$blocker->query("BEGIN; SELECT a FROM t WHERE a = 11; PREPARE TRANSACTION 'left behind'");
	sleep 0.6;
	$caller->query("SET schemamig.lock_wait = '1s'; SELECT * FROM schemamig_apply('prepared')");
	like($caller->err, qr/ERROR:  55P03/, "$name: the run gives up");
	like($caller->err, qr/Blocked by a prepared transaction \(role "\w+", 'left behind' for \d+ m?s\)/,
		"$name: its name is told");
	$blocker->query("ROLLBACK PREPARED 'left behind'");
	$caller->query('RESET schemamig.lock_wait');
	like($caller->query("SELECT * FROM schemamig_apply('prepared')"), qr/^1\|prepared/,
		"$name: the next apply succeeds");
}

# 6. an autovacuum worker gives way, as it does to any session
{
	my $name = 'autovacuum';

	$ctl->query('CREATE TABLE v (a int) WITH (autovacuum_vacuum_cost_delay = 100,'
		  . ' autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_threshold = 0,'
		  . ' autovacuum_vacuum_scale_factor = 0)');
	$ctl->query('INSERT INTO v SELECT generate_series(1, 50000)');
	$ctl->query('DELETE FROM v');
	revision($ctl, 'vacuumed', 'ALTER TABLE v ADD b int');
	$ctl->query('ALTER SYSTEM SET autovacuum = on');
	$ctl->query('SELECT pg_reload_conf()');
	ok($ctl->until("SELECT count(*) = 1 FROM pg_stat_progress_vacuum WHERE relid = 'v'::regclass"
			  . " AND EXISTS (SELECT FROM pg_stat_activity a WHERE a.query LIKE 'autovacuum:%public.v'"
			  . " AND a.xact_start < clock_timestamp() - interval '700 ms')"),
		"$name: it vacuums the table");
	like($caller->query("SELECT * FROM schemamig_apply('vacuumed')"), qr/^1\|vacuumed/, "$name: the run succeeds");
	cmp_ok($caller->took, '<', 5, "$name: soon");
	$ctl->query('ALTER SYSTEM RESET autovacuum');
	$ctl->query('SELECT pg_reload_conf()');
}

# 7. CONCURRENTLY waits without a limit, in nobody's way, and says for whom
{
	my $name = 'CONCURRENTLY behind a writer';
	my $pid = $blocker->pid;

	revision($ctl, 'conc', 'CREATE INDEX CONCURRENTLY ON t (b)');
	$blocker->query('BEGIN; UPDATE t SET b = 5 WHERE a = 12');
	my ($longest, $queries) = with_application(3, "SELECT * FROM schemamig_apply('conc')");
	cmp_ok($longest, '<', 0.4, "$name: application queries keep flowing");
	like($caller->err, qr/NOTICE:.* the run waits for process $pid .*UPDATE t SET b = 5 WHERE a = 12/,
		"$name: a notice names the writer");
	$blocker->query('COMMIT');
	like($caller->wait, qr/^1\|conc/, "$name: it is done when the writer is");
}

# 8. a detached run names the blocker in the log
{
	my $name = 'detached run';
	my $pid = $blocker->pid;

	revision($ctl, 'detached', 'ALTER TABLE t ADD g int');
	$blocker->query('BEGIN; SELECT a FROM t WHERE a = 13');
	sleep 0.6;
	$caller->query("SELECT schemamig_start('detached')");
	ok($ctl->until("SELECT count(*) > 0 FROM schemamig.log_entry WHERE event = 'wait'"
			  . " AND message LIKE 'process $pid %a = 13%'"), "$name: names the blocker in the log");
	$blocker->query('COMMIT');
	like($caller->query('SELECT * FROM schemamig_wait()'), qr/^1\|detached/, "$name: goes on");
}

# 9. the caller's own locks
{
	my $begin = time;

	revision($ctl, 'own', 'SELECT pg_advisory_xact_lock(4711)');
	$caller->query("BEGIN; SELECT count(*) FROM t; SELECT * FROM schemamig_apply('own')");
	like($caller->err, qr/ERROR:  25001: the calling transaction holds locks.*\nDETAIL:  It has used public\.t/,
		'own relation lock: refused with its name');
	$caller->query('ROLLBACK');
	$caller->query("BEGIN; UPDATE t SET b = 1; SELECT * FROM schemamig_apply('own')");
	like($caller->err, qr/ERROR:  25001: the calling transaction has already changed something/,
		'own transaction id: refused');
	$caller->query('ROLLBACK');
	$caller->query("SELECT pg_advisory_lock(4711)");
	$caller->query("SELECT * FROM schemamig_apply('own')");
	like($caller->err, qr/ERROR:  40P01: the run waits for a lock held by the session that called it/,
		'own advisory lock: told');
	like($caller->err, qr/DETAIL:  Process \d+ waits for process ${\$caller->pid}/,
		'own advisory lock: with the chain of waits');
	cmp_ok($caller->took, '<', 2, 'own advisory lock: within 2 s');
	$caller->query("SET schemamig.lock_timeout = '120ms'; SELECT * FROM schemamig_apply('own')");
	like($caller->err, qr/ERROR:  40P01/, 'own advisory lock and short tries: told');
	cmp_ok($caller->took, '<', 2, 'own advisory lock and short tries: within 2 s');

	# through a third session
	$caller->query("RESET schemamig.lock_timeout; SELECT pg_advisory_unlock(4711)");
	revision($ctl, 'chain', 'CREATE INDEX CONCURRENTLY ON t (b, a)');
	$caller->query('SELECT pg_advisory_lock(4712)');
	$blocker->query('BEGIN; UPDATE t SET b = 6 WHERE a = 14');
	$blocker->send('SELECT pg_advisory_xact_lock(4712)');
	$caller->query("SELECT * FROM schemamig_apply('chain')");
	like($caller->err, qr/ERROR:  40P01.*\nDETAIL:  Process .*Process/, 'chain of waits to the caller: told');
	cmp_ok($caller->took, '<', 2, 'chain of waits to the caller: within 2 s');
	$caller->query('SELECT pg_advisory_unlock_all()');
	$blocker->wait;
	$blocker->query('COMMIT');
	like($caller->query("SELECT * FROM schemamig_apply('chain')"), qr/^1\|chain/, 'and done once the lock is given back');
	like($caller->query("SELECT * FROM schemamig_apply('own')"), qr/^1\|own/, 'own locks given back: done');
	nothing_left($ctl, 'own locks');
}

$node->stop;
done_testing();
