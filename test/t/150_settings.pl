# The settings of the caller reach the script; what a script sets, and what it
# leaves in its session, ends with its revision.

use strict;
use warnings FATAL => 'all';

use Schemamig::Test;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = new_node('settings');
my $ctl = session($node);

# 1. from the caller to the script
{
	my $caller = session($node, name => 'my deploy');

	$ctl->query('CREATE SCHEMA app; CREATE ROLE owner NOLOGIN; GRANT ALL ON SCHEMA app TO owner;'
		  . ' GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO owner');
	revision($ctl, 'inherit', "CREATE TABLE inherited AS SELECT current_setting('search_path') AS path,"
		  . " current_setting('my.var') AS var, current_setting('work_mem') AS mem,"
		  . " current_setting('application_name') AS name, current_setting('TimeZone') AS zone,"
		  . " current_user::text AS who, current_setting('default_transaction_isolation') AS iso");
	$caller->query("SET search_path = app, public; SET my.var = 'it''s mine'; SET work_mem = '7MB';"
		  . " SET timezone = 'Asia/Tokyo'; SET default_transaction_isolation = 'serializable'; SET ROLE owner");
	$caller->query("BEGIN ISOLATION LEVEL READ COMMITTED; SELECT * FROM schemamig_apply('inherit'); COMMIT");
	is($caller->err =~ /ERROR.*/ ? $& : '', '', 'run with the settings of the caller');
	is($ctl->query('SELECT * FROM app.inherited'),
		"app, public|it's mine|7MB|my deploy|Asia/Tokyo|owner|read committed",
		'search_path, custom settings, work_mem, application_name, TimeZone and role reach the script');
	is($ctl->query("SELECT relowner::regrole FROM pg_class WHERE oid = 'app.inherited'::regclass"),
		'owner', 'what it creates belongs to the role');
}

# 2. from one revision to the next: nothing
{
	my $caller = session($node);
	my $state = "SELECT current_setting('search_path') || ' ' || current_setting('work_mem') || ' '"
	  . " || coalesce(nullif(current_setting('my.rest', true), ''), 'unset') || ' ' || current_user"
	  . " || ' ' || session_user || ' ' || current_setting('lock_timeout')"
	  . " || ' ' || (SELECT count(*) FROM pg_prepared_statements)"
	  . " || ' ' || (SELECT count(*) FROM pg_cursors WHERE is_holdable)"
	  . " || ' ' || (to_regclass('pg_temp.scratch') IS NULL) AS s";

	revision($ctl, 'leak1', "SET search_path = pg_catalog; SET work_mem = '3MB'; SET my.rest = 'behind';"
		  . " SET lock_timeout = '3s'; CREATE TEMP TABLE scratch (a int); CREATE TEMP SEQUENCE s;"
		  . ' PREPARE p AS SELECT 1; DECLARE c CURSOR WITH HOLD FOR SELECT 1; SET ROLE owner;');
	revision($ctl, 'leak2', "CREATE TABLE public.leaked AS $state; CREATE TEMP TABLE scratch (b int); PREPARE p AS SELECT 2;"
		  . ' SET SESSION AUTHORIZATION owner', parents => 'leak1');
	revision($ctl, 'leak3', "INSERT INTO public.leaked $state", parents => 'leak2');
	is($caller->query("SELECT count(*) FROM schemamig_apply('leak3')"), 3, 'revisions that leave things behind')
	  or diag($caller->err);
	my $user = $ctl->query('SELECT current_user');
	is($ctl->query('SELECT DISTINCT s, count(*) FROM leaked GROUP BY s'),
		"\"\$user\", public 4MB unset $user $user 500ms 0 0 true|2",
		'settings, role, session authorization, temporary tables, prepared statements and cursors end with the revision');
	# within a revision they last, over its steps
	revision($ctl, 'within', "CREATE TEMP TABLE scratch AS SELECT 7 AS a; SET work_mem = '3MB'; COMMIT;"
		  . " CREATE TABLE within AS SELECT a, current_setting('work_mem') AS mem FROM scratch;");
	$caller->query("SELECT * FROM schemamig_apply('within')");
	is($ctl->query('SELECT * FROM within'), '7|3MB', 'they last over the steps of a revision');
}

# 3. timeouts
{
	my $caller = session($node);

	revision($ctl, 'slow', "CREATE TABLE slow ();\nSELECT pg_sleep(30)");
	$caller->query("SET schemamig.statement_timeout = '300ms'; SELECT * FROM schemamig_apply('slow')");
	like($caller->err, qr/ERROR:  57014: canceling statement due to statement timeout/, 'schemamig.statement_timeout ends a statement');
	like($caller->err, qr/revision "slow", step 1, statement 2, line 2/, 'and names it');
	cmp_ok($caller->took, '<', 3, 'in time');
	is($ctl->query("SELECT to_regclass('slow') IS NULL"), 't', 'its step is rolled back');
	revision($ctl, 'many', join(';', map { 'SELECT pg_sleep(0.1)' } 1 .. 6));
	like($caller->query("SELECT * FROM schemamig_apply('many')"), qr/^1\|many/, 'it counts for each statement anew');
	$caller->query('RESET schemamig.statement_timeout');
	revision($ctl, 'own', "SET statement_timeout = '200ms'; SELECT pg_sleep(30)");
	$caller->query("SELECT * FROM schemamig_apply('own')");
	like($caller->err, qr/ERROR:  57014: canceling statement due to statement timeout/, 'statement_timeout set by a script works');
	revision($ctl, 'limits', "SELECT pg_sleep(0.5)");
	like($caller->query("SET idle_in_transaction_session_timeout = '100ms'; SET lock_timeout = '1ms'; SELECT * FROM schemamig_apply('limits')"),
		qr/^1\|limits/, 'other timeouts of the caller do not concern the run');
}

# 4. logging
{
	my $caller = session($node);

	$ctl->query("ALTER SYSTEM SET log_statement = 'none'");
	$ctl->query('SELECT pg_reload_conf()');
	$ctl->until("SELECT current_setting('log_statement') = 'none'");
	my $offset = -s $node->logfile;
	revision($ctl, 'logged', "CREATE TABLE logged_ddl ();\nSELECT 'not logged'");
	$caller->query("SET log_statement = 'ddl'; SELECT * FROM schemamig_apply('logged')");
	my $log = slurp_file($node->logfile, $offset);
	like($log, qr/LOG:  statement: CREATE TABLE logged_ddl \(\)$/m, 'log_statement is honoured');
	unlike($log, qr/statement: SELECT 'not logged'/, 'as it says');
	$offset = -s $node->logfile;
	revision($ctl, 'timed', "SELECT pg_sleep(0.2), 'slow one'; SELECT 'fast one'");
	$caller->query("RESET log_statement; SET log_min_duration_statement = '150ms'; SELECT * FROM schemamig_apply('timed')");
	$log = slurp_file($node->logfile, $offset);
	like($log, qr/LOG:  duration: \d+\.\d+ ms  statement: SELECT pg_sleep\(0\.2\), 'slow one'$/m, 'log_min_duration_statement is honoured');
	unlike($log, qr/duration: .*fast one/, 'as it says');
}

# 5. encodings
{
	my $latin1 = session($node, encoding => 'LATIN1');

	revision($ctl, 'latin', "DO \$\$BEGIN RAISE NOTICE 'caf\x{c3}\x{a9} and \x{e2}\x{82}\x{ac}';"
		  . " RAISE NOTICE 'caf\x{c3}\x{a9}'; END\$\$");
	like($latin1->query("SELECT revision FROM schemamig_apply('latin')"), qr/^latin$/,
		'LATIN1 client: a notice it cannot show does not end the run');
	like($latin1->err, qr/NOTICE:  00000: caf\xe9$/m, 'LATIN1 client: notices are converted');
	like($latin1->err, qr/NOTICE:  00000: caf\?\? and \?\?\?$/m, 'LATIN1 client: or shown as far as possible');
	revision($ctl, 'latin_error', "DO \$\$BEGIN RAISE EXCEPTION 'no caf\x{c3}\x{a9}' USING ERRCODE = 'XY123'; END\$\$");
	$latin1->query("SELECT * FROM schemamig_apply('latin_error')");
	like($latin1->err, qr/ERROR:  XY123: no caf\xe9$/m, 'LATIN1 client: errors are converted');
	revision($ctl, 'euro_error', "DO \$\$BEGIN RAISE EXCEPTION 'no \x{e2}\x{82}\x{ac}' USING ERRCODE = 'XY124'; END\$\$");
	$latin1->query("SELECT * FROM schemamig_apply('euro_error')");
	like($latin1->err, qr/ERROR:  XY124: no \?\?\?$/m, 'LATIN1 client: an error it cannot show keeps its SQLSTATE');
	is($ctl->query("SELECT error FROM schemamig.run WHERE target = 'euro_error'"), "no \x{e2}\x{82}\x{ac}",
		'the record has the error as it is');
	revision($ctl, 'latin_script', "CREATE TABLE latin AS SELECT '\x{c3}\x{a9}' AS c");
	$latin1->query("SELECT * FROM schemamig_apply('latin_script')");
	is($ctl->query('SELECT c FROM latin'), "\x{c3}\x{a9}", 'LATIN1 client: scripts run in the encoding of the database');
}

$node->stop;
done_testing();
