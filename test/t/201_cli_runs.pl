#-------------------------------------------------------------------------
#
# 201_cli_runs.pl
#	  bin/schemamig and what is around it: signals cancel the run, a terminal
#	  gets a progress bar; functions of other parts are called as agreed;
#	  completions, manual page and installed program fit.
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use File::Basename;
use IPC::Run qw(run);
use PostgreSQL::Test::Utils;
use Schemamig::Client;
use Schemamig::Test;
use Test::More;

my $top = dirname(__FILE__) . '/../..';
my $node = new_node('cli');
my $work = PostgreSQL::Test::Utils::tempdir();
my $ctl = session($node);

$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
$ENV{PGDATABASE} = 'postgres';
$ENV{PSQL} = $node->installed_command('psql');

revision($ctl, 'quick', 'CREATE TABLE quick ()', down => 'DROP TABLE quick');
revision($ctl, 'loud', 'DO $$BEGIN RAISE NOTICE $n$hello "x" (a of b)$n$; END$$',
	down => '', parents => 'quick');
revision($ctl, 'slow', 'SELECT pg_sleep(600)', down => '', parents => 'loud');

sub signals
{
	my ($shell) = @_;

	foreach ([ INT => 130 ], [ TERM => 143 ], [ HUP => 129 ])
	{
		my ($signal, $code) = @$_;
		my %result;
		my $handle = start_client(\%result, 'apply', 'slow');

		worker_at($ctl, "query ~ 'pg_sleep'");
		$handle->signal($signal);
		is(end_client($handle), $code, "$shell: exit code after SIG$signal");
		like($result{err}, qr/applying "slow".*canceling statement due to user request/s,
			'the run was cancelled, and says so');
		no_worker($ctl, 10, "SIG$signal");
	}
	is($ctl->query("SELECT string_agg(state, ' ' ORDER BY created_at) FROM schemamig_history()"),
		'applied applied pending', 'what was done stays done');
	succeeds('revert after a cancelled run', 'revert', 'base', '--allow-destructive');
	return;
}

# "script" runs it in a terminal of its own.
sub bar
{
	my ($shell) = @_;
	my $out = '';

	local $ENV{TERM} = 'xterm';
	local $ENV{TMPDIR} = "$work/pipes";
	mkdir $ENV{TMPDIR};
	run([ 'script', '-qec', "$shell '$Schemamig::Client::program' apply loud", '/dev/null' ],
		'<', '/dev/null', '>', \$out);
	is($?, 0, "$shell: apply on a terminal");
	like($out, qr/\[\.{30}\] applying "quick" \(1 of 2\)/, 'a bar for the first revision');
	like($out, qr/\[#{15}\.{15}\] applying "loud" \(2 of 2\)/, 'a longer one for the second');
	like($out, qr/\r\e\[KNOTICE:  hello "x" \(a of b\)\r\n/, 'messages of scripts stay readable');
	like($out, qr/\r\e\[K2 revisions applied in \S+\r\n/, 'the result takes the place of the bar');
	is_deeply(files_below($ENV{TMPDIR}), {}, 'no pipe is left');

	run([ 'script', '-qec', "$shell '$Schemamig::Client::program' apply nowhere", '/dev/null' ],
		'<', '/dev/null', '>', \$out);
	is($? >> 8, 3, 'an error on a terminal');
	like($out, qr/ERROR: .*nowhere/, 'is shown');
	succeeds('revert on no terminal', 'revert', 'base', '--allow-destructive');
	return;
}

# Functions with the agreed arguments and results that say what they were
# given: what they do is tested elsewhere, how they are called here.
my $difference = 'seq integer, kind text, object text, action text, up text,'
  . ' down text, transactional boolean, destructive boolean, hazards jsonb';
my @stand_ins = (
	[ 'schemamig_check', '', "TABLE ($difference)",
		q{SELECT 1, 'table', 'public.t', 'create', 'CREATE TABLE t ()', '', true, false, NULL::jsonb
		  FROM answer WHERE a} ],
	[ 'schemamig_drift', '', "TABLE ($difference)",
		q{SELECT 1, 'table', 'public.d', 'drop', 'DROP TABLE d', '', true, true, NULL::jsonb
		  FROM answer WHERE a} ],
	[ 'schemamig_verify', 'target text', 'TABLE (ok boolean, revision text, test text, detail text)',
		q{SELECT true, target, 'up', NULL UNION ALL
		  SELECT NOT a, NULL, 'one head', E'there are\ntwo' FROM answer} ],
	[ 'schemamig_report', 'target text', 'text', q{SELECT '<html>' || target} ],
	[ 'schemamig_import', 'tool text, source text, down text DEFAULT NULL', 'SETOF text',
		q{INSERT INTO given VALUES (tool, source, down) RETURNING 'r'} ],
	[ 'schemamig_adopt', 'tool text',
		'TABLE (version text, revision text, state text, detail text, source text)',
		q{SELECT '1', 'one', 'adopted', NULL, coalesce(tool, 'every') UNION ALL
		  SELECT '2', '2', 'unknown', coalesce(tool, 'every'), '' FROM answer WHERE a} ]);

sub stand_in_database
{
	$node->safe_psql('postgres', 'CREATE DATABASE stand_ins');
	$node->safe_psql('stand_ins', 'CREATE EXTENSION schemamig;'
		  . ' CREATE TABLE answer AS SELECT true AS a;'
		  . ' CREATE TABLE given (tool text, source text, down text)');
	foreach (@stand_ins)
	{
		my ($name, $arguments, $result, $body) = @$_;

		$node->safe_psql('stand_ins', qq{
DO \$\$DECLARE f regprocedure; BEGIN
	FOR f IN SELECT oid FROM pg_proc WHERE proname = '$name' LOOP
		EXECUTE format('ALTER EXTENSION schemamig DROP ROUTINE %s', f);
		EXECUTE format('DROP ROUTINE %s CASCADE', f);
	END LOOP;
END\$\$;
CREATE FUNCTION $name($arguments) RETURNS $result LANGUAGE sql AS \$\$$body\$\$});
	}
	return;
}

sub calls
{
	local $ENV{PGDATABASE} = 'stand_ins';
	my $out;

	$node->safe_psql('stand_ins', 'UPDATE answer SET a = true; TRUNCATE given');
	foreach ([ 'check', qr/^create table public\.t\n  CREATE TABLE t \(\)\n\z/ ],
		[ 'drift', qr/^drop table public\.d\n  DROP TABLE d\n\z/ ])
	{
		my ($command, $expected) = @$_;
		my ($code, $out) = client($command);
		is($code, 1, "$command: there is a difference");
		like($out, $expected, 'it is shown');
	}
	my ($code, $shown) = client('verify', 'x');
	is($code, 1, 'verify: a test failed');
	is($shown, "ok x: up\nfailed all: one head\n  there are\n  two\n1 passed, 1 failed\n",
		'it is shown');
	$node->safe_psql('stand_ins', 'UPDATE answer SET a = false');
	is(succeeds($_, $_), "no difference\n", "$_: no difference") foreach ('check', 'drift');
	is(succeeds('verify', 'verify'), "ok heads: up\nok all: one head\n2 passed, 0 failed\n",
		'verify: all is well');
	is(succeeds('report', 'report', '+1'), "<html>+1\n", 'report prints the page');
	is(succeeds('adopt', 'adopt'), "adopted  1 one\n", 'adopt tells what fits');
	$node->safe_psql('stand_ins', 'UPDATE answer SET a = true');
	foreach ([ 'every' ], [ 'dbmate', 'dbmate' ])
	{
		my ($tool, @args) = @$_;
		($code, $shown) = client('adopt', @args);
		is($code, 1, 'adopt of what does not fit');
		is($shown, "adopted  1 one\nunknown  2 ($tool)\n", 'it is shown');
	}

	my $directory = "$work/flyway";
	mkdir $directory;
	write_file("$directory/V1__a b.sql", "SELECT '\\';\n");
	write_file("$directory/flyway.conf", "x=y");
	is(succeeds('dry import', 'import', '-n', 'flyway', $directory),
		"1 revision imported\ndry run: nothing has been stored\n", 'a dry run tells');
	is($node->safe_psql('stand_ins', 'SELECT count(*) FROM given'), 0, 'and stores nothing');
	succeeds('import', 'import', 'flyway', $directory);
	is($node->safe_psql('stand_ins', q{SELECT tool, source::jsonb =
		jsonb_build_object('V1__a b.sql', E'SELECT ''\\\\'';\n', 'flyway.conf', 'x=y'), down FROM given}),
		'flyway|t|', 'all files of a directory are passed');
	$node->safe_psql('stand_ins', 'TRUNCATE given');
	write_file("$work/up.sql", "up 'x'\n");
	write_file("$work/down.sql", "down \\\n");
	succeeds('import of two files', 'import', 'alembic', "$work/up.sql", "$work/down.sql");
	is($node->safe_psql('stand_ins', 'SELECT * FROM given'), "alembic|up 'x'|down \\",
		'up and down are passed');
	$node->safe_psql('stand_ins', 'TRUNCATE given');
	succeeds('import of one file', 'import', 'alembic', "$work/up.sql");
	is($node->safe_psql('stand_ins', 'SELECT down IS NULL FROM given'), 't', 'without down');
	return;
}

# What the program says of itself agrees with itself, the manual page, and the
# completions.
sub self_description
{
	my ($shell) = @_;
	my $usage = succeeds('usage', '--help');
	my @commands = $usage =~ /^  ([a-z]+) {2,}\S/mg;
	my $manual = read_file("$top/bin/schemamig.1");
	my %options;

	is(succeeds('help', 'help'), $usage, 'help is usage');
	ok(@commands >= 15, 'there are commands');
	$manual =~ s/\\-/-/g;
	foreach my $command (@commands)
	{
		my $help = succeeds("$command --help", $command, '--help');
		like($help, qr/^usage: schemamig \Q$command\E\b.*\n(?: +schemamig .*\n)?\n\S/, "$command explains itself");
		is(succeeds("help $command", 'help', $command), $help, "help $command is the same");
		like($manual, qr/^\.(?:BI? |BR )"?$command\b/m, "$command is in the manual page");
		$options{$command} = [ $help =~ /(--[a-z-]+)(?= |$)/mg ];
		foreach my $option (grep { $command ne 'import' } @{ $options{$command} })
		{
			like($manual, qr/\Q$option\E\b/, "$option is in the manual page");
			my $value = $help =~ /\Q$option\E [A-Z]/ ? '=x' : '';
			my (undef, undef, $err) = client($command, "$option$value", '--frobnicate');
			like($err, qr/unknown option --frobnicate|takes revision or all/,
				"$command takes $option");
		}
	}
	my ($version) = read_file("$top/schemamig.control") =~ /default_version = '(.*)'/;
	is(succeeds('version', '--version'), "schemamig $version\n", 'the version is the extension\'s');
	like($manual, qr/schemamig \Q$version\E"/, 'and that of the manual page');

	my $completion = succeeds('completion for bash', 'completion', 'bash');
	my $complete = sub {
		my @words = @_;
		my $out = '';
		run([ 'bash', '-c', $completion . 'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _schemamig; '
				  . 'printf "%s\n" "${COMPREPLY[@]}"', 'bash', @words ],
			'<', '/dev/null', '>', \$out);
		return join ' ', sort split /\n/, $out;
	};
	is($complete->('schemamig', ''), join(' ', sort @commands), 'bash completes commands');
	is($complete->('schemamig', 'pu'), 'pull push', 'that begin like this');
	is($complete->('schemamig', 'pull', '-'), '--dbname --dry-run --force --help', 'and options');
	foreach my $other ('zsh', 'fish')
	{
		my $text = succeeds("completion for $other", 'completion', $other);
		like($text, qr/\b$_\b/, "$_ is in the completion for $other") foreach (@commands);
	  SKIP:
		{
			skip "$other is not installed", 1
			  if !grep { -x "$_/$other" } split /:/, $ENV{PATH};
			run([ $other, '-n', '/dev/stdin' ], '<', \$text);
			is($?, 0, "$other understands its completion");
		}
	}
	return;
}

# doc/cli.md: what its shell examples print, but for times.
sub documentation
{
	my @blocks = read_file("$top/doc/cli.md") =~ /^```sh\n(.*?)^```\n\n```\n(.*?)^```$/msg;
	my $directory = "$work/documentation";
	my $number = 0;

	$node->safe_psql('postgres', 'CREATE DATABASE documentation');
	$node->safe_psql('documentation', 'CREATE EXTENSION schemamig');
	mkdir $directory;
	local $ENV{PGDATABASE} = 'documentation';
	local $ENV{PATH} = dirname($Schemamig::Client::program) . ":$ENV{PATH}";
	ok(@blocks >= 5, 'there are examples');
	while (my ($script, $expected) = splice @blocks, 0, 2)
	{
		my $out;
		run([ 'sh', '-c', "cd '$directory'; exec 2>&1; $script" ], '<', '/dev/null', '>', \$out);
		s/\d\d:\d\d:\d\d\.\d+/TIME/g foreach ($out, $expected);
		is($out, $expected, 'example ' . ++$number . ' of doc/cli.md');
	}
	return;
}

stand_in_database();
documentation();
foreach my $shell (shells())
{
	use_shell($shell);
	note("with $shell");
	signals($shell);
	bar($shell);
	calls();
	self_description($shell);
}

my ($installed) = grep { -x } map { "$_/schemamig" } split /:/, $ENV{PATH};
ok(defined $installed, 'make install installs it');
is(read_file($installed), read_file($Schemamig::Client::program), 'as it is here');

$ctl->close;
$node->stop;
done_testing();
