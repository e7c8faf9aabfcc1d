# kill -9 of the worker and an immediate shutdown, in every kind of step and
# between steps: after the restart the next apply continues, nothing is done
# twice, nothing half built stays; or it says exactly what a person must decide.

use strict;
use warnings FATAL => 'all';

use Schemamig::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_node('crash', "autovacuum = off");
my $ctl = session($node);

$ctl->query(<<'SQL');
CREATE TABLE hold AS SELECT 0 AS wait;
-- immutable as far as an index cares; sleeps as long as the table says
CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
$$BEGIN PERFORM pg_catalog.pg_sleep(wait) FROM public.hold; RETURN $1; END$$;
CREATE TABLE effect (id text);
SQL

my $sleeps = "wait_event = 'PgSleep'";
my $waits = "wait_event_type = 'Lock'";

# name, script, where the worker is when it happens; and where needed: what is
# there before, what another session does before (to stop the statement), the
# number of effects expected, a query that must return t afterwards.
# $id stands for the revision's id, an effect is INSERT INTO effect.
my @cases = (
	{
		name => 'transaction',
		up => 'INSERT INTO effect VALUES ($id); COMMIT;'
		  . ' INSERT INTO effect VALUES ($id); SELECT pg_sleep(wait) FROM hold;',
		at => $sleeps,
		effects => 2,
	},
	{
		name => 'only step of a revision',
		up => 'INSERT INTO effect VALUES ($id); SELECT pg_sleep(wait) FROM hold;',
		at => $sleeps,
		effects => 1,
	},
	{
		name => 'between two steps',
		before => 'CREATE TABLE t ()',
		up => 'INSERT INTO effect VALUES ($id); COMMIT;'
		  . ' ALTER TABLE t ADD a int; INSERT INTO effect VALUES ($id);',
		blocker => 'BEGIN; SELECT * FROM t',
		at => "wait_event = 'Extension' OR wait_event LIKE 'Schemamig%'",
		effects => 2,
		check => "SELECT count(*) = 1 FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'a'",
	},
	{
		name => 'CREATE INDEX CONCURRENTLY, waiting for writers',
		before => 'CREATE TABLE t AS SELECT 1 AS a',
		up => 'INSERT INTO effect VALUES ($id); CREATE INDEX CONCURRENTLY t_a ON t (a);'
		  . ' INSERT INTO effect VALUES ($id);',
		blocker => 'BEGIN; UPDATE t SET a = 2',
		at => $waits,
		left => 'invalid t_a',
		effects => 2,
		check => "SELECT indisvalid FROM pg_index WHERE indexrelid = 't_a'::regclass",
	},
	{
		name => 'CREATE INDEX CONCURRENTLY, building',
		before => 'CREATE TABLE t AS SELECT 1 AS a',
		up => 'INSERT INTO effect VALUES ($id); CREATE INDEX CONCURRENTLY ON t (slow(a));',
		at => $sleeps,
		left => 'invalid t_slow_idx',
		effects => 1,
		check => "SELECT count(*) = 1 AND bool_and(indisvalid) FROM pg_index WHERE indrelid = 't'::regclass",
	},
	{
		name => 'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS, waiting for snapshots',
		before => 'CREATE TABLE t AS SELECT 1 AS a',
		up => 'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t_a ON t (a);',
		blocker => 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1',
		at => $waits,
		left => 'invalid t_a',
		effects => 0,
		check => "SELECT indisvalid FROM pg_index WHERE indexrelid = 't_a'::regclass",
	},
	{
		name => 'REINDEX INDEX CONCURRENTLY, building the copy',
		before => 'CREATE TABLE t AS SELECT 1 AS a; CREATE INDEX t_a ON t (slow(a))',
		up => 'INSERT INTO effect VALUES ($id); REINDEX INDEX CONCURRENTLY t_a;',
		at => $sleeps,
		left => 'invalid t_a_ccnew',
		effects => 1,
		check => "SELECT count(*) = 1 AND bool_and(indisvalid) FROM pg_index WHERE indrelid = 't'::regclass",
	},
	{
		name => 'REINDEX TABLE CONCURRENTLY, after the swap',
		before => 'CREATE TABLE t AS SELECT 1 AS a, repeat($$x$$, 10) AS b; CREATE INDEX t_a ON t (a)',
		up => 'INSERT INTO effect VALUES ($id); REINDEX TABLE CONCURRENTLY t;',
		blocker => 'BEGIN; SELECT * FROM t',
		at => $waits,
		left => 'invalid t_a_ccold',
		effects => 1,
		check => "SELECT count(*) = 1 AND bool_and(indisvalid) FROM pg_index WHERE indrelid = 't'::regclass",
	},
	{
		name => 'DROP INDEX CONCURRENTLY',
		before => 'CREATE TABLE t AS SELECT 1 AS a; CREATE INDEX t_a ON t (a)',
		up => 'INSERT INTO effect VALUES ($id); DROP INDEX CONCURRENTLY t_a;'
		  . ' INSERT INTO effect VALUES ($id);',
		blocker => 'BEGIN; SELECT * FROM t',
		at => $waits,
		left => 'invalid t_a',
		effects => 2,
		check => "SELECT to_regclass('t_a') IS NULL",
	},
	{
		name => 'DETACH PARTITION CONCURRENTLY',
		before => 'CREATE TABLE t (a int) PARTITION BY LIST (a);'
		  . ' CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1)',
		after => 'DROP TABLE t_1',
		up => 'INSERT INTO effect VALUES ($id); ALTER TABLE t DETACH PARTITION t_1 CONCURRENTLY;'
		  . ' INSERT INTO effect VALUES ($id);',
		blocker => 'BEGIN; SELECT * FROM t',
		at => $waits,
		left => 'pending t_1',
		effects => 2,
		check => "SELECT count(*) = 0 FROM pg_inherits WHERE inhrelid = 't_1'::regclass",
	},
	{
		name => 'VACUUM',
		before => 'CREATE TABLE t AS SELECT 1 AS a; CREATE INDEX t_a ON t (slow(a))',
		up => 'INSERT INTO effect VALUES ($id); VACUUM FULL t; INSERT INTO effect VALUES ($id);',
		at => $sleeps,
		effects => 2,
		check => "SELECT count(*) = 1 AND bool_and(indisvalid) FROM pg_index WHERE indrelid = 't'::regclass",
	},
	{
		name => 'CALL, before its first commit',
		before => 'CREATE PROCEDURE p(id text) LANGUAGE plpgsql AS $$BEGIN INSERT INTO effect VALUES (id);'
		  . ' PERFORM pg_sleep(wait) FROM hold; COMMIT; INSERT INTO effect VALUES (id); END$$;'
		  . 'CREATE TABLE t ()',
		after => 'DROP PROCEDURE p',
		up => 'INSERT INTO effect VALUES ($id); CALL p($id);',
		at => $sleeps,
		effects => 3,
	},
	{
		name => 'CALL, after its first commit',
		before => 'CREATE PROCEDURE p(id text) LANGUAGE plpgsql AS $$BEGIN INSERT INTO effect VALUES (id);'
		  . ' COMMIT; PERFORM pg_sleep(wait) FROM hold; INSERT INTO effect VALUES (id); END$$;'
		  . 'CREATE TABLE t ()',
		after => 'DROP PROCEDURE p',
		up => 'INSERT INTO effect VALUES ($id); CALL p($id); INSERT INTO effect VALUES ($id);',
		at => $sleeps,
		settle => 'done',
		effects => 3,			# one of the procedure's is missing
	},
	{
		name => 'DO with COMMIT',
		up => 'INSERT INTO effect VALUES ($id);'
		  . ' DO $$BEGIN INSERT INTO effect VALUES ($id);'
		  . ' COMMIT; PERFORM pg_sleep(wait) FROM hold; INSERT INTO effect VALUES ($id); END$$;',
		at => $sleeps,
		settle => 'retry',
		effects => 4,			# its first half twice, as the person wished
	},
	{
		name => 'ALTER TYPE ADD VALUE with use of the value',
		before => "CREATE TYPE e AS ENUM ('a'); CREATE TABLE t (e e)",
		after => 'DROP TYPE e',
		up => "INSERT INTO effect VALUES (\$id); ALTER TYPE e ADD VALUE 'b';"
		  . " INSERT INTO t VALUES ('b'); SELECT pg_sleep(wait) FROM hold;",
		at => $sleeps,
		effects => 1,
		check => "SELECT count(*) = 1 FROM t WHERE e = 'b'",
	},
	{
		name => 'transaction=none',
		none => 1,
		up => 'INSERT INTO effect VALUES ($id); INSERT INTO effect VALUES ($id);'
		  . ' DO $$BEGIN INSERT INTO effect VALUES ($id); PERFORM pg_sleep(wait) FROM hold; END$$;'
		  . ' INSERT INTO effect VALUES ($id);',
		at => $sleeps,
		effects => 4,
	},
	{
		name => 'revert',
		revert => 1,
		before => 'CREATE TABLE t AS SELECT 1 AS a',
		up => 'SELECT 1',
		down => 'INSERT INTO effect VALUES ($id); CREATE INDEX CONCURRENTLY t_a ON t (a);'
		  . ' INSERT INTO effect VALUES ($id);',
		blocker => 'BEGIN; UPDATE t SET a = 2',
		at => $waits,
		left => 'invalid t_a',
		effects => 2,
		check => "SELECT indisvalid FROM pg_index WHERE indexrelid = 't_a'::regclass",
	},
	{
		name => 'all revisions in one transaction',
		all => 1,
		up => 'INSERT INTO effect VALUES ($id); SELECT pg_sleep(wait) FROM hold;',
		at => $sleeps,
		effects => 1,
	},
);

my $left = <<'SQL';
SELECT string_agg(what, ', ') FROM (
	SELECT 'invalid ' || indexrelid::regclass FROM pg_index WHERE NOT indisvalid
	 AND indrelid <> (SELECT reltoastrelid FROM pg_class WHERE oid = to_regclass('t'))
	UNION ALL
	SELECT 'pending ' || inhrelid::regclass FROM pg_inherits WHERE inhdetachpending) AS l(what)
SQL
my $n = 0;
foreach my $how ('kill -9', 'immediate shutdown')
{
	foreach my $case (@cases)
	{
		my $name = "$how in: $case->{name}";
		my $id = 'r' . ++$n;
		my ($up, $down) = map { s/\$id/'$id'/gr } $case->{up}, $case->{down} // '';
		my $caller = session($node);
		my $blocker = session($node);

		$ctl->query("DROP TABLE IF EXISTS t; $case->{before}") if $case->{before};
		if ($case->{none})
		{
			$ctl->query("SELECT schemamig_load(\$f\$-- schemamig:revision $id\n"
				  . "-- schemamig:message $id\n-- schemamig:parents\n\n-- schemamig:up transaction=none\n$up\n\$f\$)");
			die $ctl->err if $ctl->err =~ /ERROR/;
		}
		else
		{
			revision($ctl, "p$id", '') if $case->{revert};
			revision($ctl, $id, $up, down => $down,
				parents => $case->{revert} ? "p$id" : undef);
		}
		my $call = $case->{revert} ? "schemamig_revert('p$id')" : "schemamig_apply('$id')";
		$call = "schemamig_apply('$id', transaction => 'all')" if $case->{all};
		$ctl->query("SELECT schemamig_apply('$id')") if $case->{revert};
		$ctl->query('UPDATE hold SET wait = 30');
		$blocker->query($case->{blocker}) if $case->{blocker};

		# else the worker may be waiting for the one before
		$ctl->until("SELECT NOT EXISTS ($answered_sql)");
		$caller->send("SELECT * FROM $call");
		my $pid = worker_at($ctl, $case->{at}, $caller);
		is($ctl->query($left), $case->{left}, "$name: there is something to clean up")
		  if $case->{left};
		crash($node, $how, $pid);
		$caller->wait;
		$ctl = session($node);
		$ctl->query('UPDATE hold SET wait = 0');

		if ($case->{settle})
		{
			$ctl->query("SELECT * FROM $call");
			like($ctl->err,
				qr/ERROR:  55000: a part of the work of step 2 was committed/,
				"$name: the next apply leaves it to a person");
			like($ctl->err, qr/schemamig_settle\('$id', 'retry'\)/, "$name: and says how");
			$ctl->query("SELECT schemamig_settle('$id', '$case->{settle}')");
			is($ctl->err, '', "$name: settled");
		}
		my $begin = time;
		is($ctl->query("SELECT revision FROM $call"), $id, "$name: the next call completes it");
		is($ctl->err =~ /ERROR.*/ ? $& : '', '', "$name: without error");
		cmp_ok(time - $begin, '<', 5, "$name: soon");
		is($ctl->query("SELECT count(*) FROM effect WHERE id = '$id'"),
			$case->{effects}, "$name: every effect once");
		is($ctl->query($case->{check}), 't', "$name: complete") if $case->{check};
		nothing_left($ctl, $name);
		is($ctl->query("SELECT state FROM schemamig.run ORDER BY id DESC LIMIT 1"),
			'done', "$name: the last run is done");
		is($ctl->query("SELECT count(*) FROM schemamig.run WHERE state IN ('waiting', 'running')"),
			0, "$name: no run counts as running");
		$ctl->query("DROP TABLE IF EXISTS t; $case->{after}") if $case->{after};
	}
}

$node->stop;
done_testing();
