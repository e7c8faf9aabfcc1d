# History survives pg_dump, in each format, and pg_upgrade: the applied set, the
# journal, runs, log and grants are the same, numbers go on where they were, and
# the restored database can be migrated further.

use strict;
use warnings FATAL => 'all';

use File::Spec;
use PostgreSQL::Test::Utils;
use Schemamig::Test;
use Test::More;

my $node = new_node('dump');
my $top = File::Spec->rel2abs('.');
my $dir = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir());

# Everything that the tables keep, and what the functions make of it.
sub state_of
{
	my ($at, $db) = @_;
	return $at->safe_psql($db, q{
SET timezone = 'UTC';
SELECT * FROM schemamig_history();
SELECT s.* FROM schemamig_history() h, schemamig_show(h.revision) s ORDER BY 1;
SELECT id, ordinal FROM schemamig.revision ORDER BY 2;
TABLE schemamig.applied ORDER BY revision;
TABLE schemamig.step ORDER BY revision, direction, step;
TABLE schemamig.run ORDER BY id;
TABLE schemamig.log_entry ORDER BY seq;
TABLE schemamig.approval ORDER BY revision;
TABLE schemamig.filter ORDER BY pattern;
SELECT evtname, evtevent, evtfoid::regproc, evtenabled FROM pg_event_trigger ORDER BY 1;
SELECT schemamig_guard();
SELECT * FROM schemamig_status();
SELECT p.proname, p.proacl FROM pg_proc p WHERE p.proname LIKE 'schemamig%' ORDER BY 1;
SELECT relname, relacl FROM pg_class WHERE relnamespace = 'schemamig'::regnamespace AND relkind = 'v' ORDER BY 1;});
}

# The restored database goes on: no number is used twice, and what was half
# done is completed.
sub goes_on
{
	my ($at, $db, $name) = @_;
	my $last = $at->safe_psql($db, 'SELECT max(id) FROM schemamig.run');
	my $seq = $at->safe_psql($db, 'SELECT max(seq) FROM schemamig.log_entry');
	my $ordinal = $at->safe_psql($db, 'SELECT max(ordinal) FROM schemamig.revision');

	my ($code, $out, $err) = $at->psql($db, 'CREATE TABLE missing (a int)');
	like($err, qr/changed by migrations only: CREATE TABLE: table public.missing/, "$name: the guard is there");
	$at->safe_psql($db, 'SET schemamig.guard_pass = on; CREATE TABLE missing (a int)');
	is($at->safe_psql($db, "SET client_min_messages = warning; SELECT revision, steps FROM schemamig_apply('half')"),
		'half|3', "$name: a half done revision is completed");
	is($at->safe_psql($db, 'SELECT count(*) FROM pg_index WHERE NOT indisvalid'), 0, "$name: its index is valid");
	is($at->safe_psql($db, "SELECT schemamig_revision('more', 'CREATE TABLE more (a int)', 'DROP TABLE more', 'more', parents => '{half}')"),
		'more', "$name: a revision can be written");
	is($at->safe_psql($db, "SET client_min_messages = warning; SELECT revision FROM schemamig_apply('more')"),
		'more', "$name: and applied");
	is($at->safe_psql($db, "SET client_min_messages = warning; SELECT revision FROM schemamig_revert('base', allow_destructive => true) WHERE revision NOT IN ('other', 'open')"),
		"more\nhalf\ntwo\none", "$name: and all of it reverted");
	is($at->safe_psql($db, "SELECT count(*), min(id) > $last FROM schemamig.run WHERE id > $last"), '3|t',
		"$name: runs are numbered on");
	is($at->safe_psql($db, "SELECT min(seq) FROM schemamig.log_entry WHERE seq > $seq"), $seq + 1,
		"$name: so is the log");
	is($at->safe_psql($db, "SELECT ordinal FROM schemamig.revision WHERE id = 'more'"), $ordinal + 1,
		"$name: so are revisions");
	return;
}

# A history with all that there can be: applied, stamped, half done, pending,
# labels, dependencies, texts that need quoting, a failed run, grants.
$node->safe_psql('postgres', <<'SQL');
SET client_min_messages = error;
CREATE ROLE reader;
GRANT USAGE ON SCHEMA schemamig TO reader;
GRANT SELECT ON schemamig.log TO reader;
GRANT EXECUTE ON FUNCTION schemamig_status TO reader;
SELECT schemamig_revision('one', 'CREATE TABLE one (a int)', 'DROP TABLE one', 'one');
SELECT schemamig_revision(E'two \\ ''x'' Größe', E'CREATE TABLE two (t text DEFAULT E''\\n\\\\''); -- \\.\n', 'DROP TABLE two', 'two', labels => '{label}');
SELECT schemamig_revision('half', 'CREATE TABLE half (a int); CREATE INDEX CONCURRENTLY half_a ON half (a); SELECT count(*) FROM missing', 'DROP TABLE half', 'half');
SELECT schemamig_revision('other', '', NULL, 'other', parents => '{}', depends_on => '{one}');
SELECT schemamig_revision('open', 'CREATE TABLE open (a int)', '', 'open', parents => '{other}');
SELECT schemamig_apply('two');
SELECT schemamig_stamp('other');
SELECT schemamig_filter('exclude', 'tmp_*', 'table');
CREATE ROLE approver;
GRANT EXECUTE ON FUNCTION schemamig_approve TO approver;
SET SESSION AUTHORIZATION approver;
SELECT schemamig_approve('open', 'seen');
RESET SESSION AUTHORIZATION;
SELECT schemamig_guard('block');
SQL
$node->psql('postgres', "SELECT schemamig_apply('half')", stderr => \my $failure);
like($failure, qr/relation "missing" does not exist/, 'a run has failed half way');

# The guard lets extensions come and be changed.
SKIP:
{
	my $name = $node->safe_psql('postgres', "SELECT min(name) FROM pg_available_extensions WHERE name IN ('citext', 'hstore', 'pg_trgm')");
	skip 'no other extension is installed', 1 unless $name;
	$node->safe_psql('postgres', 'CREATE DATABASE extended');
	$node->safe_psql('extended', "CREATE EXTENSION schemamig; SELECT schemamig_guard('block');"
		  . " CREATE EXTENSION $name; CREATE SCHEMA IF NOT EXISTS public; ALTER EXTENSION $name UPDATE");
	is($node->safe_psql('extended', "SELECT count(*) FROM pg_extension WHERE extname = '$name'"), 1,
		'the guard does not stop CREATE EXTENSION');
	$node->safe_psql('postgres', 'DROP DATABASE extended');
}
my $state = state_of($node, 'postgres');
like($state, qr/^half\|.*\|partial\|/m, 'its revision is half done');

foreach my $format ('custom', 'plain')
{
	my $db = "restored_$format";
	my $file = "$dir/$db";

	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0");
	$node->command_ok([ 'pg_dump', "--format=$format", '-f', $file, $node->connstr('postgres') ], "$format: pg_dump");
	$node->command_ok($format eq 'plain' ?
		  [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($db), '-f', $file ] :
		  [ 'pg_restore', '--exit-on-error', '-d', $node->connstr($db), $file ],
		"$format: restore");
	is(state_of($node, $db), $state, "$format: all that schemamig knows is the same");
	goes_on($node, $db, $format);
}

# The schema alone brings an empty history that works.
$node->safe_psql('postgres', 'CREATE DATABASE restored_schema TEMPLATE template0');
$node->command_ok([ 'pg_dump', '-s', '-Fc', '-f', "$dir/schema", $node->connstr('postgres') ], 'schema only: pg_dump');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored_schema'), "$dir/schema" ], 'schema only: restore');
is($node->safe_psql('restored_schema', 'SELECT current, heads, pending FROM schemamig_status()'), '{}|{}|0',
	'schema only: no revision is known');
is($node->safe_psql('restored_schema', "SET client_min_messages = warning; SELECT schemamig_revision('x', '', '', 'xxxx'); SELECT revision FROM schemamig_apply()"),
	"xxxx\nxxxx", 'schema only: it begins anew');

# pg_upgrade, to the same version
my $new = PostgreSQL::Test::Cluster->new('upgraded');
$new->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$new->append_conf('postgresql.conf', "max_worker_processes = 16\n");
$node->stop;
my $bin = $node->config_data('--bindir');
my ($old_data, $new_data) = map { File::Spec->rel2abs($_->data_dir) } $node, $new;
chdir $dir or die $!;
my ($help) = run_command([ "$bin/pg_upgrade", '--help' ]);
my $upgraded = run_log(
	[
		"$bin/pg_upgrade", $help =~ /--no-sync/ ? '--no-sync' : '--link',
		'-d', $old_data, '-D', $new_data,
		'-b', $bin, '-B', $bin, '-s', $new->host,
		'-p', $node->port, '-P', $new->port
	], '>', \my $report, '2>&1');
ok($upgraded, 'pg_upgrade') or diag($report);
if ($upgraded)
{
	chdir $top or die $!;
	$new->start;
	is(state_of($new, 'postgres'), $state, 'pg_upgrade: all that schemamig knows is the same');
	goes_on($new, 'postgres', 'pg_upgrade');
	$new->stop;
}

done_testing();
