# Scratch databases: they are gone when the call ends, however it ends; what a
# crash leaves the next call drops, and nothing else; rights, limits and
# encodings are those of the caller and its database.

use strict;
use warnings FATAL => 'all';

use Schemamig::Test;
use PostgreSQL::Test::Utils;
use Test::More;
use File::Spec;
use Time::HiRes qw(sleep);

my $node = new_node('scratch');
my $ctl = session($node);
my $count = "SELECT count(*) FROM pg_database WHERE datname LIKE 'schemamig\\_scratch\\_%'";
my $slow = "SELECT schemamig_model('SELECT pg_sleep(600)')";
my $working = "SELECT count(*) > 0 FROM pg_stat_activity"
  . " WHERE backend_type = 'schemamig scratch session' AND wait_event = 'PgSleep'";

sub gone
{
	my ($name) = @_;
	ok($ctl->until("SELECT count(*) FROM (SELECT FROM pg_database WHERE datname LIKE 'schemamig\\_scratch\\_%'"
		  . " UNION ALL SELECT FROM pg_stat_activity WHERE backend_type LIKE 'schemamig scratch%') x", '0', 60),
		"$name: nothing is left");
}

# Begins a model that takes for ever, in a session of its own.
sub begin_slow
{
	my $session = session($node);
	$session->send($slow);
	$ctl->until($working, 't', 60) or die "no scratch session: " . $session->err;
	return $session;
}

# While it is there: recognisable, private, marked.
my $session = begin_slow();
my $name = $ctl->query("SELECT datname FROM pg_database WHERE datname LIKE 'schemamig%'");
like($name, qr/^schemamig_scratch_[0-9a-f]{16}$/, 'it is recognisable');
my ($ret, $out, $err) = $node->psql($name, 'SELECT 1');
like($err, qr/not currently accepting connections/, 'it is private');
like($ctl->query("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '$name'"),
	qr/^Scratch database of schemamig/, 'it says what it is');
is($ctl->query("SELECT encoding || datcollate || datctype = (SELECT encoding || datcollate || datctype FROM pg_database WHERE datname = current_database()) FROM pg_database WHERE datname = '$name'"),
	't', 'it has the encoding and locale of the database');

# A second one at the same time neither waits nor sweeps the first.
is($ctl->query("SELECT schemamig_model('CREATE TABLE a (b int)') IS NOT NULL"),
	't', 'two at a time');
is($ctl->query($count), '1', 'the other lives on');

# Cancelled; terminated; the worker terminated.
$ctl->query("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT schemamig_model(''SELECT pg_sleep%' AND pid <> pg_backend_pid()");
$session->wait;
like($session->err, qr/canceling statement due to user request/, 'a cancel ends it');
gone('after a cancel');
$session = begin_slow();
$ctl->query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT schemamig_model(''SELECT pg_sleep%' AND pid <> pg_backend_pid()");
gone('after the session was terminated');
$session = begin_slow();
$ctl->query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'schemamig scratch session'");
$session->wait;
like($session->err, qr/terminating background worker/, 'the end of the worker is an error');
gone('after its session was terminated');

# What is left when the keeper is killed, with the server or by itself, the
# next call drops; a database that only looks like one, it does not.
$session = begin_slow();
$node->stop('immediate');
$node->start;
$ctl = session($node);
is($ctl->query($count), '1', 'an immediate shutdown leaves it');
$ctl->query('CREATE DATABASE schemamig_scratch_0123456789abcdef');
$ctl->query('CREATE DATABASE schemamig_scratch_mine ALLOW_CONNECTIONS false');
is($ctl->query("SELECT schemamig_model('CREATE TABLE a (b int)') IS NOT NULL"), 't', 'the next call works');
is($ctl->query("SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE datname LIKE 'schemamig%'"),
	'schemamig_scratch_0123456789abcdef schemamig_scratch_mine', 'and drops what was left, not what lets connect or is called otherwise');
$ctl->query('DROP DATABASE schemamig_scratch_0123456789abcdef');
$ctl->query('DROP DATABASE schemamig_scratch_mine');
$session = begin_slow();
my $pid = $ctl->query("SELECT pid FROM pg_stat_activity WHERE backend_type = 'schemamig scratch keeper'");
kill 'KILL', $pid;
$session->wait;
$node->poll_query_until('postgres', 'SELECT true') or die 'no restart';
$ctl = session($node);
is($ctl->query("SELECT schemamig_model('CREATE TABLE a (b int)') IS NOT NULL"), 't', 'the next call works after kill -9');
gone('after kill -9');

# Roles: without the right; with the right but a connection limit, SET ROLE.
$node->safe_psql('postgres', q{
	CREATE ROLE plain LOGIN;
	CREATE ROLE "We""ird Näme" LOGIN CREATEDB CONNECTION LIMIT 1;
	CREATE ROLE other CREATEDB;
	GRANT other TO "We""ird Näme";
	GRANT USAGE ON SCHEMA schemamig TO PUBLIC;
	GRANT EXECUTE ON FUNCTION schemamig_model, schemamig_diff, schemamig_autogenerate, schemamig_show TO PUBLIC;
	GRANT CREATE ON SCHEMA public TO PUBLIC;});
sub as_role
{
	my ($role, $sql) = @_;
	my ($ret, $out, $err) = $node->psql('postgres', $sql,
		connstr => $node->connstr('postgres') . " user='$role'");
	return "$out$err";
}
like(as_role('plain', "SELECT schemamig_model('')"),
	qr/permission denied to create a scratch database.*ALTER ROLE plain CREATEDB/s, 'a role without the right is told so');
gone('after a refusal');
like(as_role('We"ird Näme', "SELECT schemamig_model('CREATE TABLE mine (a int); GRANT SELECT ON mine TO PUBLIC', 'odd') IS NOT NULL"),
	qr/^t/, 'a role at its connection limit');
like(as_role('We"ird Näme', "SET ROLE other; SELECT schemamig_model('CREATE TABLE mine (a int)', 'other') IS NOT NULL"),
	qr/^t/, 'a role that was set');
is($ctl->query("SELECT string_agg(built_by, ' ' ORDER BY name) FROM schemamig.model WHERE name IN ('odd', 'other')"),
	'We"ird Näme other', 'each builds as itself');

# Whoever builds a model, owners are no difference where it does not say them.
$ctl->query('CREATE TABLE mine (a int)');
$ctl->query('GRANT SELECT ON mine TO PUBLIC');
is($ctl->query("SELECT count(*) FROM schemamig_diff('live', 'model:odd') WHERE object LIKE '%mine%'"), '0', 'nor are the privileges of owners');
$ctl->query('DROP TABLE mine');
# A superuser does not vouch for a model of another role.
$ctl->query("SELECT schemamig_autogenerate('theirs', 'odd', 'theirs')");
is($ctl->query("SELECT created_by FROM schemamig.revision WHERE id = 'theirs'"), 'We"ird Näme', 'a model keeps its author');
$ctl->query("SELECT schemamig_apply()");
like($ctl->err, qr/whose scripts a superuser's session does not execute/, 'in a superuser\'s run');
$ctl->query("SELECT schemamig_remove('theirs')");

# A worker that would wait for its own caller.
$ctl->query('BEGIN');
$ctl->query('LOCK TABLE pg_catalog.pg_authid');
$ctl->query("SELECT schemamig_model('CREATE TABLE a (b int)')");
like($ctl->err, qr/waits for a lock held by the session/, 'waiting for itself is noticed');
$ctl->query('ROLLBACK');
gone('after that');

# No slots.
$node->append_conf('postgresql.conf', "max_worker_processes = 1\nschemamig.lock_wait = '300ms'");
$node->restart;
$ctl = session($node);
$ctl->query("SELECT schemamig_model('CREATE TABLE a (b int)')");
like($ctl->err, qr/all slots are taken/, 'two slots are needed');
gone('without slots');
$node->append_conf('postgresql.conf', "max_worker_processes = 16\nschemamig.lock_wait = '10min'");
$node->restart;
$ctl = session($node);

# pg_dump's own words, schemamig included, are a model that nothing differs from.
$ctl->query(q{CREATE TABLE "We""ird Näme" (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "select" text COLLATE "C" DEFAULT '\restrict x')});
$ctl->query(q{CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS $$ SELECT $1 * 2 -- \restrict x
$$});
$ctl->query('CREATE VIEW v AS SELECT twice(1) AS two');
$ctl->query('GRANT EXECUTE ON FUNCTION schemamig_current TO plain');
my $dump = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir() . '/dump.sql');
command_ok([ 'pg_dump', '--schema-only', '-f', $dump, $node->connstr('postgres') ], 'pg_dump');
$ctl->query("SELECT schemamig_model(pg_read_file('$dump'))");
is($ctl->err =~ /ERROR/ ? $ctl->err : '', '', 'it builds');
is($ctl->query('SELECT count(*) FROM schemamig_check()'), '0', 'and is what it was made from');
is($ctl->query("SELECT owners FROM schemamig.model WHERE name = 'default'"), 't', 'owners included');

# Another encoding and locale.
$ctl->query("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'");
$node->safe_psql('latin', 'CREATE EXTENSION schemamig');
is($node->safe_psql('latin', q{SET client_encoding = UTF8; SELECT schemamig_model(E'CREATE TABLE "\u00e4" (a int)') IS NOT NULL; SELECT object FROM schemamig_check()}),
	qq{t\npublic."\xc3\xa4"}, 'a database in LATIN1');
gone('in the end');

$node->stop;
done_testing();
