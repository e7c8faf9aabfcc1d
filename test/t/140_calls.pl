# The caller's snapshot is given back while it waits, in every form of call
# where that can be done; every other form is refused before anything starts.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Schemamig::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_node('calls');
my $ctl = session($node);
my $caller = session($node, name => 'deploy');
my $n = 0;

$ctl->query('CREATE TABLE t AS SELECT i AS a FROM generate_series(1, 1000) i; CREATE TABLE one AS SELECT 1 AS x');

# A revision that would hang, or do nothing, if its caller held a snapshot.
sub revise
{
	my $id = 'c' . ++$n;

	revision($ctl, $id, "CREATE TABLE $id AS SELECT a FROM t; CREATE INDEX CONCURRENTLY ON t (a);"
		  . " UPDATE $id SET a = a + 1; VACUUM $id;"
		  . " DO \$\$BEGIN IF pg_relation_size('$id') < 1 THEN RAISE 'empty'; END IF; END\$\$;");
	return $id;
}

# 1. what the caller holds while it waits
{
	my $name = 'waiting caller';

	revision($ctl, 'waits', 'SELECT pg_advisory_xact_lock(1)');
	$ctl->query('SELECT pg_advisory_lock(1)');
	$caller->send("SET schemamig.lock_timeout = '1min'; BEGIN; SAVEPOINT s; SELECT * FROM schemamig_apply('waits')");
	worker_at($ctl, 'in_script', $caller);
	foreach (1 .. 5)
	{
		is($ctl->query('SELECT backend_xmin IS NULL, backend_xid IS NULL FROM pg_stat_activity WHERE pid = ' . $caller->pid),
			't|t', "$name: no snapshot, no transaction id ($_)");
		sleep 0.1;
	}
	is($ctl->query("SELECT count(*) FROM pg_locks WHERE pid = ${\$caller->pid} AND locktype = 'relation'"
			  . " AND relation >= 16384 AND relation::regclass::text !~ 'schemamig'"), 0, "$name: no locks on relations");
	$ctl->query('SELECT pg_advisory_unlock(1)');
	like($caller->wait, qr/^1\|waits/m, "$name: done");
	$caller->query('COMMIT; RESET schemamig.lock_timeout');
}

# 2. VACUUM in the script removes dead rows
{
	revision($ctl, 'dead', 'CREATE TABLE dead AS SELECT 1 AS a FROM generate_series(1, 5000);'
		  . ' COMMIT; UPDATE dead SET a = 2; COMMIT; VACUUM (INDEX_CLEANUP on) dead; UPDATE dead SET a = 3;');
	like($caller->query("SELECT * FROM schemamig_apply('dead')"), qr/^1\|dead/, 'VACUUM in a script');
	$ctl->query('CREATE EXTENSION pgstattuple');
	# 23 pages a version; without VACUUM the table would have three of each row
	cmp_ok($ctl->query("SELECT pg_relation_size('dead') / 8192"), '<=', 60, 'VACUUM in a script removes dead rows');
}

# 3. forms that work; $id stands for the revision
my @accepted = (
	[ 'target list', "SELECT schemamig_apply('\$id')", qr/^\(1,\$id,apply/ ],
	[ 'FROM', "SELECT * FROM schemamig_apply('\$id')", qr/^1\|\$id\|apply/ ],
	[ 'column list', "SELECT revision, steps FROM schemamig_apply('\$id')", qr/^\$id\|\d/ ],
	[ 'one column of the target list', "SELECT (schemamig_apply('\$id')).revision", undef ],
	[ 'aggregate', "SELECT count(*) FROM schemamig_apply('\$id')", qr/^1$/ ],
	[ 'json_agg', "SELECT json_agg(a) FROM schemamig_apply('\$id') a", qr/"revision":"\$id"/ ],
	[ 'ORDER BY and LIMIT', "SELECT revision FROM schemamig_apply('\$id') ORDER BY seq DESC LIMIT 1", qr/^\$id$/ ],
	[ 'WHERE on its result', "SELECT revision FROM schemamig_apply('\$id') WHERE steps > 0", qr/^\$id$/ ],
	[ 'named arguments', "SELECT revision FROM schemamig_apply(target => '\$id', transaction => 'revision')", qr/^\$id$/ ],
	[ 'subquery over the function alone', "SELECT revision FROM (SELECT * FROM schemamig_apply('\$id')) a", qr/^\$id$/ ],
	[ 'BEGIN', "BEGIN; SELECT revision FROM schemamig_apply('\$id'); COMMIT", qr/^\$id$/ ],
	[ 'BEGIN and SAVEPOINT', "BEGIN; SAVEPOINT s; SELECT revision FROM schemamig_apply('\$id'); RELEASE s; COMMIT", qr/^\$id$/ ],
	[ 'several statements in one query', "SELECT 1 \\; SELECT revision FROM schemamig_apply('\$id') \\; SELECT 2", qr/^1\n\$id\n2$/ ],
	[ 'cursor', "BEGIN; DECLARE c CURSOR FOR SELECT revision FROM schemamig_apply('\$id'); FETCH ALL FROM c; COMMIT", qr/^\$id$/ ],
	[ 'FETCH_COUNT', "\\set FETCH_COUNT 10\nSELECT revision FROM schemamig_apply('\$id');\n\\unset FETCH_COUNT\n", qr/^\$id$/ ],
	[ 'procedure', "CALL schemamig_run('\$id')", qr/^$/ ],
	[ 'procedure in DO', "DO \$\$BEGIN CALL schemamig_run('\$id'); END\$\$", qr/^$/ ],
	[ 'after a DECLARE CURSOR WITH HOLD', "DECLARE h CURSOR WITH HOLD FOR SELECT 1; SELECT revision FROM schemamig_apply('\$id'); CLOSE h", qr/^\$id$/ ]);
foreach my $case (@accepted)
{
	my ($name, $sql, $answer) = @$case;
	next unless $answer;
	my $id = revise();

	$sql =~ s/\$id/$id/g;
	$answer =~ s/\\?\$id/$id/g;
	like($caller->query($sql), qr/$answer/m, "$name: answer");
	is($caller->err =~ /(ERROR|FATAL).*/ ? $& : '', '', "$name: no error");
	is($ctl->query("SELECT state FROM schemamig.run WHERE target = '$id'"), 'done', "$name: the run is done");
	is($ctl->query("SELECT count(*) FROM schemamig.applied WHERE revision = '$id'"), 1, "$name: applied");
	# a query after it has a snapshot that sees what was done
	is($caller->query("SELECT count(*) FROM $id"), 1000, "$name: the session sees what the run did");
	$ctl->query("DROP TABLE $id; DROP INDEX t_a_idx");
}

# the same through the extended protocol
foreach my $mode ('simple', 'extended', 'prepared')
{
	foreach my $block (0, 1)
	{
		my $name = "pgbench -M $mode" . ($block ? ' in a transaction block' : '');
		my $id = revise();
		my $script = PostgreSQL::Test::Utils::tempdir() . "/$id.sql";

		append_to_file($script, "\\set x 1\n" . ($block ? "BEGIN;\n" : '')
			  . "SELECT * FROM schemamig_apply('$id');\n" . ($block ? "END;\n" : ''));
		$node->command_ok([ 'pgbench', '-n', '-t', 2, '-M', $mode, '-f', $script, 'postgres' ], "$name: no error");
		is($ctl->query("SELECT count(*) FROM schemamig.applied WHERE revision = '$id'"), 1, "$name: applied");
		$ctl->query("DROP TABLE $id; DROP INDEX t_a_idx");
	}
}

# 4. forms that are refused, before anything is begun
revision($ctl, 'never', 'CREATE TABLE never ()');
$ctl->query(<<'SQL');
CREATE FUNCTION in_plpgsql() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM schemamig_apply('never'); END$$;
CREATE FUNCTION in_plpgsql_query() RETURNS SETOF text LANGUAGE plpgsql AS
$$BEGIN RETURN QUERY SELECT revision FROM schemamig_apply('never'); END$$;
CREATE FUNCTION in_definer() RETURNS SETOF record LANGUAGE sql SECURITY DEFINER AS $$SELECT schemamig_apply('never')$$;
CREATE FUNCTION definer_inline() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS
$$BEGIN PERFORM schemamig_apply('never', transaction => 'caller'); END$$;
CREATE PROCEDURE definer_call() LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN CALL schemamig_run('never'); END$$;
CREATE TABLE log (x text);
SQL
my $apply = "schemamig_apply('never')";
my @refused = (
	[ 'REPEATABLE READ', "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM $apply", '25001' ],
	[ 'SERIALIZABLE', "BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT * FROM $apply", '25001' ],
	[ 'open cursor', "BEGIN; DECLARE c CURSOR FOR SELECT generate_series(1, 10); FETCH 1 FROM c; SELECT * FROM $apply", '25001' ],
	[ 'join', "SELECT * FROM $apply, one", '25001' ],
	[ 'join with itself', "SELECT * FROM $apply a, $apply b", '25001' ],
	[ 'CTE', "WITH x AS (SELECT * FROM $apply) SELECT * FROM x", '25001' ],
	[ 'data-modifying CTE', "WITH x AS (INSERT INTO log VALUES ('x') RETURNING 1) SELECT * FROM $apply", '25001' ],
	[ 'subquery over a table', "SELECT (SELECT count(*) FROM one), revision FROM $apply", '25001' ],
	[ 'EXISTS', "SELECT EXISTS (SELECT FROM $apply)", '25001' ],
	[ 'other function beside it', "SELECT $apply, in_plpgsql()", '25001' ],
	[ 'per row of a table', "SELECT $apply FROM one", '25001' ],
	[ 'two calls', "SELECT $apply, $apply", '25001' ],
	[ 'UNION of two calls', "SELECT * FROM $apply UNION ALL SELECT * FROM $apply", '25001' ],
	[ 'PERFORM in PL/pgSQL', 'SELECT in_plpgsql()', '25001' ],
	[ 'RETURN QUERY in PL/pgSQL', 'SELECT * FROM in_plpgsql_query()', '25001' ],
	[ 'DO', "DO \$\$BEGIN PERFORM $apply; END\$\$", '25001' ],
	[ 'INSERT ... SELECT', "INSERT INTO log SELECT revision FROM $apply", '25001' ],
	[ 'CREATE TABLE AS', "CREATE TABLE never AS SELECT * FROM $apply", '25001' ],
	[ 'COPY', "COPY (SELECT * FROM $apply) TO STDOUT", '25001' ],
	[ 'EXPLAIN ANALYZE', "EXPLAIN ANALYZE SELECT * FROM $apply", '25001' ],
	[ 'PREPARE and EXECUTE', "PREPARE p AS SELECT * FROM $apply; EXECUTE p", '25001' ],
	[ 'cursor WITH HOLD', "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM $apply; CLOSE c", '25001' ],
	[ 'SECURITY DEFINER function', "SELECT in_definer()", '42501' ],
	[ 'SECURITY DEFINER and transaction caller', "SELECT definer_inline()", '42501' ],
	[ 'SECURITY DEFINER procedure', 'CALL definer_call()', '42501' ],
	[ 'CALL in a transaction block', "BEGIN; CALL schemamig_run('never')", '25001' ],
	[ 'CALL in a function', "DO \$\$BEGIN EXECUTE 'CALL schemamig_run(''never'')'; BEGIN CALL schemamig_run('never'); EXCEPTION WHEN division_by_zero THEN NULL; END; END\$\$", '' ],
	[ 'unknown transaction mode', "SELECT * FROM schemamig_apply('never', 'both')", '22023' ],
	[ 'NULL target', "SELECT * FROM schemamig_apply(NULL)", '22004' ]);
foreach my $case (@refused)
{
	my ($name, $sql, $sqlstate) = @$case;
	next unless $sqlstate;

	$caller->query($sql);
	like($caller->err, qr/ERROR:  $sqlstate: /, "$name: refused");
	like($caller->err, qr/HINT: .*(schemamig_start|schemamig_run|call it directly|Available)/i, "$name: with a way out")
	  unless $sqlstate eq '22004' || $name =~ /procedure/;
	$caller->query('ROLLBACK');
	is($caller->query('SELECT 1'), 1, "$name: the session goes on");
}
is($ctl->query("SELECT count(*) FROM schemamig.run WHERE target = 'never'"), 0, 'refused calls have begun no run');
is($ctl->query("SELECT to_regclass('never') IS NULL"), 't', 'refused calls have run nothing');
like($caller->query("SELECT * FROM $apply"), qr/^1\|never/, 'and the session can still run');

# 5. an error in the wait leaves the session usable, at each level
{
	revision($ctl, 'fails', 'SELECT 1/0');
	$caller->query("BEGIN; SAVEPOINT s; SELECT * FROM schemamig_apply('fails')");
	like($caller->err, qr/ERROR:  22012/, 'error in a subtransaction');
	is($caller->query('ROLLBACK TO s; SELECT count(*) FROM one; COMMIT'), 1, 'the transaction goes on behind it');
	$caller->query("DO \$\$BEGIN CALL schemamig_run('fails'); END\$\$");
	like($caller->err, qr/ERROR:  22012/, 'error in CALL in DO');
	is($caller->query('SELECT count(*) FROM one'), 1, 'the session goes on behind it');
}

$node->stop;
done_testing();
