# The script of schemamig_sql, run by psql on a copy of the database, gives the
# schema and the state that a run gives on the original; and psql sends what is
# written in the scripts, whatever it looks like and whatever variables are set.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Schemamig::Test;
use Test::More;

my $node = new_node('script');
my $dir = PostgreSQL::Test::Utils::tempdir();

# The schema, without what changes from dump to dump.
sub schema_of
{
	my ($db) = @_;
	my ($out, $err) = run_command([ $node->installed_command('pg_dump'), '-s', $node->connstr($db) ]);
	die $err if $err =~ /error/;
	$out =~ s/^\\(un)?restrict .*\n//mg;
	return $out;
}

# What schemamig says of itself, without times.
sub state_of
{
	my ($db) = @_;
	return $node->safe_psql($db, q{
SELECT revision, state, is_current FROM schemamig_history();
SELECT revision, applied_by, run, checksum FROM schemamig.applied ORDER BY 1;
SELECT id, kind, target, transaction, role, login_role, state FROM schemamig.run ORDER BY 1;
SELECT run, seq, role, event, revision, direction, step, steps, message FROM schemamig.log_entry ORDER BY seq;
SELECT * FROM schemamig.step;
SELECT current, heads, pending, running, last_error, next FROM schemamig_status();});
}

# psql with the script of a range, made in database $from, run in $in.
sub run_script
{
	my ($from, $range, $in, @options) = @_;
	my $file = "$dir/script.sql";
	my $argument = defined $range ? "'$range'" : 'NULL';
	open my $out, '>', $file or die $!;
	print $out $node->safe_psql($from, "SELECT schemamig_sql($argument)"), "\n";
	close $out or die $!;
	return run_command([ $node->installed_command('psql'), '-Xq', @options,
			'-d', $node->connstr($in), '-f', $file ]);
}

sub copy_of
{
	my ($db, $copy) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $copy TEMPLATE $db");
	return;
}

sub same_as_run
{
	my ($db, $copy, $range, $call, $name, @options) = @_;
	my ($out, $err) = run_script($db, $range, $copy, @options);
	unlike($err, qr/ERROR|invalid/, "$name: the script runs");
	$node->safe_psql($db, "SET client_min_messages = warning; SELECT * FROM $call");
	is(schema_of($copy), schema_of($db), "$name: the schema is the same");
	is(state_of($copy), state_of($db), "$name: schemamig's state is the same");
	return;
}

# 1. the example history, up and down, with settings that would spoil a script
$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', 'CREATE EXTENSION schemamig');
my $source = join '', map { slurp_file($_) } sort glob 'examples/shop/*.sql';
$node->safe_psql('shop', "SELECT count(*) FROM schemamig_load(\$source\$$source\$source\$)");
copy_of('shop', 'shop_copy');
same_as_run('shop', 'shop_copy', '0008_seed_categories', "schemamig_apply('0008_seed_categories')", 'part of the shop');
same_as_run('shop', 'shop_copy', undef, 'schemamig_apply(allow_destructive => true)', 'all of the shop',
	'-v', 'AUTOCOMMIT=off', '-v', 'ON_ERROR_ROLLBACK=on', '-v', 'FETCH_COUNT=1', '-S');
same_as_run('shop', 'shop_copy', 'base', "schemamig_revert('base', allow_destructive => true)", 'back to the base');
same_as_run('shop', 'shop_copy', 'heads', "schemamig_apply('heads', allow_destructive => true)", 'up again');

# 2. ranges: down by one, from one to another, nothing
my $tip = $node->safe_psql('shop', 'SELECT revision FROM schemamig_current()');
like($node->safe_psql('shop', "SELECT schemamig_sql('-1')"), qr/^-- revert "\Q$tip\E" \(1 of 1\)/m, '-1 is the down of the last one');
is(join(' ', $node->safe_psql('shop', "SELECT schemamig_sql('0001_create_accounts:0003_create_catalogue')") =~ /^-- (apply "\S+")/mg),
	'apply "0002_create_addresses" apply "0003_create_catalogue"', 'from one to another');
is(join(' ', $node->safe_psql('shop', "SELECT schemamig_sql('0003_create_catalogue:0001_create_accounts')") =~ /^-- (revert "\S+")/mg),
	'revert "0003_create_catalogue" revert "0002_create_addresses"', 'the other way round are the downs');
is(scalar(() = $node->safe_psql('shop', "SELECT schemamig_sql(':')") =~ /^-- apply "/mg),
	$node->safe_psql('shop', 'SELECT count(*) FROM schemamig.revision'), 'open ends are everything');
is($node->safe_psql('shop', 'SELECT schemamig_sql()'), '-- schemamig: nothing to do, target "head" is reached', 'nothing to do');
foreach my $wrong ([ 'a:b:c', qr/has more than one ":"/ ], [ 'nosuch', qr/does not exist/ ], [ 'base:nosuch', qr/does not exist/ ])
{
	my ($code, $out, $err) = $node->psql('shop', "SELECT schemamig_sql('$wrong->[0]')");
	like($err, $wrong->[1], "range \"$wrong->[0]\" is refused");
}

# 3. scripts that psql could misread
$node->safe_psql('postgres', 'CREATE DATABASE odd ENCODING UTF8 TEMPLATE template0');
$node->safe_psql('odd', 'CREATE EXTENSION schemamig');
$node->safe_psql('odd', <<'SQL');
CREATE ROLE other;
GRANT ALL ON SCHEMA public TO other;
SELECT schemamig_revision(E'message with \\! touch harm :name \'', $up$
CREATE TABLE a (v int[], "n:name" text DEFAULT ':name', name int DEFAULT 2);
INSERT INTO a (v) VALUES ('{1,2,3}');
CREATE VIEW slices AS SELECT v[1:name] AS s1, v[name:"name"] AS s2, v[1:'2'] AS s3, v[:2] AS s4, v[:name] AS s5, v[1::int] AS s6,
	'a:name :"name" :''name''' AS text, $d$ :name $d$ AS dollar, E'\\:name\'' AS escape FROM a;
CREATE FUNCTION f(begin int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION begin() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION atomic(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC
	SELECT CASE WHEN a > 0 THEN 1 END;
	SELECT (SELECT CASE a WHEN 1 THEN 2 END) + 1 AS "end";
END;
CREATE FUNCTION odd_end(v int[]) RETURNS int[] LANGUAGE sql BEGIN ATOMIC SELECT 1 AS end; SELECT v[1:2]; END;
CREATE RULE r AS ON INSERT TO slices DO INSTEAD (INSERT INTO a DEFAULT VALUES; UPDATE a SET name = name);
CREATE FUNCTION body() RETURNS text LANGUAGE plpgsql AS $f$
DECLARE name text := 'x;
\echo harm
';
BEGIN /* ; ' */ -- ; ' :name
	RETURN name; END $f$;
COMMENT ON TABLE a IS '
\! touch harm
\q
:name; BEGIN;'; -- trailing
/* ; */ SELECT 'no semicolon' -- at the end :name
$up$, $down$DROP VIEW slices; DROP TABLE a; DROP FUNCTION f; DROP FUNCTION begin; DROP FUNCTION atomic; DROP FUNCTION odd_end; DROP FUNCTION body$down$, 'odd1');
SELECT schemamig_revision('settings and roles', $up$
SET client_encoding = 'LATIN1';
SET standard_conforming_strings = off;
SET search_path = pg_temp, public;
SET ROLE other;
CREATE TABLE public.theirs (t text DEFAULT 'Größe \');
COMMIT;
CREATE TABLE public.theirs_too (t text);
VACUUM public.theirs;
$up$, 'DROP TABLE theirs, theirs_too', 'Größe.$schemamig$');
SELECT schemamig_revision('after that', 'CREATE TABLE mine (a int)', 'DROP TABLE mine', 'odd3');
SELECT schemamig_revision('steps', $up$
BEGIN READ ONLY; SELECT 1; COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE; CREATE TABLE levels AS SELECT current_setting('transaction_isolation') AS l; COMMIT;
CREATE TABLE plain AS SELECT current_setting('transaction_isolation') AS l;
CREATE INDEX CONCURRENTLY ON levels (l);
DO $$BEGIN COMMIT; INSERT INTO levels VALUES ('done'); END$$;
CREATE TYPE mood AS ENUM ('ok'); ALTER TYPE mood ADD VALUE 'bad'; CREATE TABLE moods (m mood DEFAULT 'bad');
$up$, NULL, 'odd4');
SELECT schemamig_revision('empty', '', '', 'odd5');
SQL
copy_of('odd', 'odd_copy');
same_as_run('odd', 'odd_copy', undef, 'schemamig_apply(allow_destructive => true)', 'odd scripts',
	'-v', 'name=zonk', '-v', '2=zonk', '-v', 'int=zonk', '-v', 'x=zonk');
ok(!-e 'harm', 'nothing in a script is a command of psql');
foreach my $db ('odd', 'odd_copy')
{
	is($node->safe_psql($db, 'TABLE slices'), q({1,2}|{2}|{1,2}|{1,2}|{1,2}|1|a:name :"name" :'name'| :name |\:name'),
		"$db: slices are slices");
	is($node->safe_psql($db, "SELECT string_agg(l, ' ' ORDER BY l) FROM (TABLE levels UNION ALL TABLE plain) x"),
		'done read committed serializable', "$db: transactions have their isolation level");
}
same_as_run('odd', 'odd_copy', 'base', "schemamig_revert('base', allow_destructive => true)", 'odd downs');

# 4. a script that stops leaves a state from which a run goes on
$node->safe_psql('odd', "SELECT schemamig_revision('breaks', 'CREATE TABLE first (a int); COMMIT; CREATE TABLE second (a int); SELECT count(*) FROM nosuch; COMMIT; SELECT 1', '', 'brk1', parents => '{}')");
my ($out, $err) = run_script('odd', 'brk1', 'odd');
like($err, qr/relation "nosuch" does not exist/, 'a script stops at an error');
is($node->safe_psql('odd', "SELECT state FROM schemamig_show('brk1')"), 'partial', 'the revision is half done');
is($node->safe_psql('odd', "SELECT last_error->>'state', next FROM schemamig_status()"),
	q(interrupted|revision "brk1" is half applied: SELECT schemamig_apply('brk1') continues it.), 'status says so');
is(join(' ', $node->safe_psql('odd', "SELECT schemamig_sql('brk1')") =~ /^-- (step \d)/mg), 'step 2 step 3', 'a further script continues');
$node->safe_psql('odd', 'CREATE TABLE nosuch (a int)');
is($node->safe_psql('odd', "SET client_min_messages = warning; SELECT revision, steps FROM schemamig_apply('brk1')"), 'brk1|3', 'and so does a run');

# 5. a script for another state is refused, and changes nothing
my $script = $node->safe_psql('odd', "SELECT schemamig_sql('base:odd1')");
foreach my $case (
	[ "SELECT schemamig_stamp('odd1')", qr/revisions are already applied: odd1/, 'applied already' ],
	[ "SELECT schemamig_stamp('base'); SELECT schemamig_replace('odd1', '', '')", qr/have other content: odd1/, 'other content' ])
{
	$node->safe_psql('odd', $case->[0]);
	my $before = state_of('odd');
	my $file = "$dir/other.sql";
	open my $fh, '>', $file or die $!;
	print $fh "$script\n";
	close $fh or die $!;
	($out, $err) = run_command([ $node->installed_command('psql'), '-Xq', '-d', $node->connstr('odd'), '-f', $file ]);
	like($err, $case->[1], "a script is refused: $case->[2]");
	is(state_of('odd'), $before, 'and has changed nothing');
}
$node->safe_psql('odd', "SELECT schemamig_replace('odd1', 'CREATE TABLE a (i int)', 'DROP TABLE a')");
($out, $err) = run_script('odd', 'odd1:odd3', 'odd');
like($err, qr/needed, but not applied: odd1/, 'a script is refused: a parent is missing');
$node->safe_psql('odd', "SELECT schemamig_stamp('odd3')");
($out, $err) = run_script('odd', 'odd1:base', 'odd');
like($err, qr/applied that need what is to be reverted: /, 'a script is refused: a child is applied');

# 6. while a run is in progress
my $ctl = session($node, dbname => 'odd');
$ctl->query("BEGIN; SELECT schemamig_stamp('base')");
($out, $err) = run_script('odd', 'base:odd1', 'odd');
like($err, qr/a run of schemamig is in progress/, 'a script is refused: a run is in progress');
$ctl->query('ROLLBACK');

# 7. an interrupted statement is for the run, not for a script
$node->safe_psql('odd', "SELECT schemamig_stamp('base', purge => true); INSERT INTO schemamig.step (revision, direction, step, kind, state, checksum) VALUES ('odd4', 'apply', 3, 'concurrent', 'started', '')");
my ($code, $stdout, $stderr) = $node->psql('odd', "SELECT schemamig_sql('odd1')");
like($stderr, qr/step 3 of revision "odd4" was interrupted.*schemamig_apply\('odd4'\)/s, 'an interrupted step is left to the run');

$node->stop;
done_testing();
