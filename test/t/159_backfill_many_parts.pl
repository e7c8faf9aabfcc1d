#-------------------------------------------------------------------------
#
# 159_backfill_many_parts.pl
#	  Backfills of tables with more partitions than a server has locks for, hash
#	  partitions and two levels: each touches one partition at a time, every row
#	  is done exactly once, also when it is cancelled and resumed, and what is
#	  said of its progress is true.  With SCHEMAMIG_STRESS also that the time
#	  grows no faster than the number of partitions.
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use Schemamig::Test;
use Test::More;
use Time::HiRes qw(time);

my $rows = 3000;
my $node = new_node('backfill_many_parts', 'max_locks_per_transaction = 10',
	'max_connections = 15', 'max_wal_senders = 0');

# 18 has locks for the workers of autovacuum that a server could have, too
my $parts = $node->pg_version->major >= 18 ? 600 : 400;
my $ctl = session($node);

# What tests do with all partitions they do one at a time, as backfills do.
$ctl->query(q{
	SET client_min_messages = warning;
	CREATE PROCEDURE make_hash(name text, parts int) LANGUAGE plpgsql AS $$
	BEGIN
		EXECUTE format('CREATE TABLE %I (id int PRIMARY KEY, n int NOT NULL DEFAULT 0) PARTITION BY HASH (id)', name);
		COMMIT;
		FOR i IN 0 .. parts - 1 LOOP
			EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES WITH (MODULUS %s, REMAINDER %s)',
				name || '_' || i, name, parts, i);
			COMMIT;
		END LOOP;
	END $$;
	CREATE PROCEDURE make_two_levels(name text, outer_parts int, inner_parts int) LANGUAGE plpgsql AS $$
	BEGIN
		EXECUTE format('CREATE TABLE %I (id int, kind int, n int NOT NULL DEFAULT 0, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind)', name);
		COMMIT;
		FOR i IN 0 .. outer_parts - 1 LOOP
			EXECUTE format('CREATE TABLE %I PARTITION OF %I %s PARTITION BY RANGE (id)', name || '_' || i, name,
				CASE WHEN i = 0 THEN 'DEFAULT' ELSE format('FOR VALUES IN (%s)', i) END);
			COMMIT;
			FOR j IN 0 .. inner_parts - 1 LOOP
				EXECUTE format('CREATE TABLE %I PARTITION OF %I %s', name || '_' || i || '_' || j, name || '_' || i,
					CASE WHEN j = 0 THEN 'DEFAULT' ELSE format('FOR VALUES FROM (%s) TO (%s)', j * 100, j * 100 + 100) END);
				COMMIT;
			END LOOP;
		END LOOP;
	END $$;
	CREATE PROCEDURE fill(statement text, rows int) LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 1 .. rows LOOP
			EXECUTE statement USING i;
			COMMIT;
		END LOOP;
	END $$;
	CREATE TABLE seen (part regclass, rows int, ids int, least int, most int);
	CREATE PROCEDURE look(name text) LANGUAGE plpgsql AS $$
	DECLARE
		part regclass;
	BEGIN
		TRUNCATE seen;
		FOR part IN SELECT c.oid FROM pg_class c WHERE c.relispartition AND c.relkind = 'r' AND starts_with(c.relname, name || '_') LOOP
			EXECUTE format('INSERT INTO seen SELECT %L, count(*), count(DISTINCT id), min(n), max(n) FROM %s', part, part);
			COMMIT;
		END LOOP;
	END $$});

sub rows_of
{
	my ($table) = @_;
	$ctl->query("CALL look('$table')");
	return $ctl->query('SELECT count(*), sum(rows), sum(ids), min(least), max(most) FROM seen');
}

# Cancels it when it has come somewhere, looks at what is said, and resumes it.
sub with_cancel
{
	my ($table, $statement, $workers, $leaves) = @_;
	my $name = "$table, $workers workers";
	my $call = "SELECT schemamig_backfill('$statement', workers => $workers, name => '$name')";
	my $caller = session($node);

	$caller->send("SET client_min_messages = warning; SET schemamig.nice = 5; $call");
	ok($ctl->until("SELECT rows_done > $rows / 20 FROM schemamig.backfill WHERE name = '$name'"),
		"$name: gets on");
	$ctl->query('SELECT schemamig_cancel()');
	$caller->wait;
	like($caller->err, qr/ERROR:  57014/, "$name: is cancelled");
	is( $ctl->query(
			"SELECT w.state, w.rows_total, w.rows_done BETWEEN 1 AND $rows - 1, w.rows_done = sum(p.rows_done),"
			  . " w.rows_scanned = sum(p.rows_scanned), count(*), count(*) FILTER (WHERE p.state = 'done') BETWEEN 1 AND count(*) - 1"
			  . " FROM schemamig.backfill w JOIN schemamig.backfill p ON p.parent = w.id WHERE w.name = '$name' GROUP BY w.id"),
		"cancelled|$rows|t|t|t|$leaves|t",
		"$name: the record says how far it came");
	$caller = session($node);
	my $begin = time;
	is($caller->query($call), $rows, "$name: is resumed");
	note sprintf '%s: %d partitions in %.1f s', $name, $leaves, time - $begin;
	unlike($caller->err, qr/ERROR|WARNING/, "$name: without complaint");
	is( $ctl->query(
			"SELECT w.state, w.rows_done, w.rows_scanned, w.rows_total, sum(p.rows_done), string_agg(DISTINCT p.state, ',')"
			  . " FROM schemamig.backfill w JOIN schemamig.backfill p ON p.parent = w.id WHERE w.name = '$name' GROUP BY w.id"),
		"done|$rows|$rows|$rows|$rows|done",
		"$name: the record says that all is done");
	return;
}

$ctl->query("CALL make_hash('h', $parts)");
$ctl->query("CALL fill('INSERT INTO h VALUES (\$1)', $rows)");
$ctl->query('SELECT count(*) FROM h');
like($ctl->err, qr/ERROR:  53200/, 'there are more partitions than locks');
with_cancel('h', 'UPDATE h SET n = n + 1', 1, $parts);
is(rows_of('h'), "$parts|$rows|$rows|1|1", 'hash partitions: every row exactly once');
with_cancel('h', 'UPDATE h SET n = n + 1', 2, $parts);
is(rows_of('h'), "$parts|$rows|$rows|2|2", 'hash partitions, 2 workers: every row exactly once');
is($ctl->query("SELECT schemamig_backfill('UPDATE h SET id = id + $rows, n = n + 1', name => 'moving')"),
	$rows, 'rows that move between hash partitions');
is(rows_of('h'), "$parts|$rows|$rows|3|3", 'rows that move between hash partitions: every row exactly once');

# a row in each of the leaves
$ctl->query("CALL make_two_levels('l', 20, 15)");
$ctl->query("CALL fill('INSERT INTO l VALUES (\$1 % 1499, \$1 % 20)', $rows)");
with_cancel('l', 'UPDATE l SET n = n + 1', 1, 300);
$ctl->query("CALL look('l')");
is($ctl->query('SELECT count(*), sum(rows), min(least), max(most) FROM seen'), "300|$rows|1|1", 'two levels: every row exactly once');

if ($ENV{SCHEMAMIG_STRESS})
{
	my %took;

	foreach my $n (500, 2000)
	{
		$ctl->query("CALL make_hash('s$n', $n)");
		$ctl->query("CALL fill('INSERT INTO s$n VALUES (\$1)', 10 * $n)");
		my $begin = time;
		is($ctl->query("SELECT schemamig_backfill('UPDATE s$n SET n = n + 1')"), 10 * $n, "$n partitions: done");
		$took{$n} = time - $begin;
		is(rows_of("s$n"), join('|', $n, 10 * $n, 10 * $n, 1, 1), "$n partitions: every row exactly once");
	}
	note sprintf '500 partitions: %.1f s, 2000: %.1f s', $took{500}, $took{2000};
	cmp_ok($took{2000}, '<', 8 * $took{500}, 'time does not grow with the square of the number');
}

nothing_left($ctl, 'in the end');
$node->stop;
done_testing();
