#-------------------------------------------------------------------------
#
# 202_ci_examples.pl
#	  examples/ci: the YAML is YAML, the calls of schemamig are such that
#	  bin/schemamig understands them, and the SQL runs.
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use File::Basename;
use IPC::Run qw(run);
use Schemamig::Client;
use Schemamig::Test;
use Test::More;

my $directory = dirname(__FILE__) . '/../../examples/ci';
my @yaml = sort glob "$directory/*.yml";
my $readme = read_file("$directory/README.md");
my %calls;

use_shell('sh');
ok(@yaml >= 4, 'there are examples');

SKIP:
{
	my ($out, $err) = ('', '');

	skip 'python3 with yaml is not installed', scalar @yaml
	  if !run([ 'python3', '-c', 'import yaml' ], '>', \$out, '2>', \$err);
	foreach my $file (@yaml)
	{
		ok(run([ 'python3', '-c',
			"import sys, yaml\nassert all(isinstance(d, dict) for d in yaml.safe_load_all(open(sys.argv[1])))",
			$file ], '2>', \$err), basename($file) . ' is YAML')
		  or diag($err);
	}
}

# Every call, with a last option that nobody knows: no other may be unknown.
foreach my $file (@yaml)
{
	my $name = basename($file);
	my $text = read_file($file);

	like($readme, qr/\($name\)/, "$name is in README.md");
	$text =~ s/^\s*#.*//mg;
	while ($text =~ /(?<![\w\/-])schemamig ([a-z]+)([^\n&>'"]*)/g)
	{
		my ($command, $rest) = ($1, $2);
		my ($code, $out, $err) = client($command, split(' ', $rest), '--frobnicate');

		$calls{$command} = 1;
		like($err, qr/^schemamig: unknown option --frobnicate$/m,
			"$name: schemamig $command$rest");
	}
}
is_deeply([ grep { !$calls{$_} } qw(push plan check verify apply status report) ], [],
	'the daily commands are shown');

# pg_cron's part of the catalog, as far as the example reads it
my $node = new_node('ci');
$node->safe_psql('postgres', q{
	CREATE SCHEMA cron;
	CREATE TABLE cron.job (command text);
	CREATE TABLE cron.job_run_details (command text, status text, return_message text,
		start_time timestamptz, end_time timestamptz);
	CREATE FUNCTION cron.schedule(job_name text, schedule text, command text) RETURNS bigint
		LANGUAGE sql AS $$ INSERT INTO cron.job VALUES (command) RETURNING 1::bigint $$;
	SELECT schemamig_revision('one', 'CREATE TABLE one ()', '', revision => 'one');});
is($node->psql('postgres', read_file("$directory/pg_cron.sql")), 0, 'pg_cron.sql runs');
my $command = $node->safe_psql('postgres', 'SELECT command FROM cron.job');
is($node->psql('postgres', $command), 0, 'and so does its job');
is($node->safe_psql('postgres', 'SELECT revision FROM schemamig_current()'), 'one', 'which applies');

$node->stop;
done_testing();
