#-------------------------------------------------------------------------
#
# 200_cli.pl
#	  bin/schemamig: its commands, its exit codes, and how it passes files,
#	  with every shell that is there.
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use File::Basename;
use File::Path qw(make_path);
use PostgreSQL::Test::Utils;
use Schemamig::Client;
use Schemamig::Test;
use Test::More;

my $top = dirname(__FILE__) . '/../..';
my $node = new_node('cli');
my $work = PostgreSQL::Test::Utils::tempdir();
my $database;

$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
$ENV{PSQL} = $node->installed_command('psql');
delete $ENV{PGAPPNAME};

sub new_database
{
	my ($name, $create) = @_;

	$database = $ENV{PGDATABASE} = $name;
	$node->safe_psql('postgres', qq{CREATE DATABASE "$name"});
	$node->safe_psql($name, $create || 'CREATE EXTENSION schemamig');
	return;
}

sub value
{
	return $node->safe_psql($database, shift);
}

# What is stored, so that a change is seen.
sub stored
{
	return value('SELECT r FROM schemamig.revision r ORDER BY ordinal;'
		  . ' TABLE schemamig.applied');
}

my $directories = 0;

sub new_directory
{
	my $directory = "$work/directory " . $directories++;

	make_path($directory);
	return $directory;
}

sub revision_file
{
	my ($id, $parents, $up, $down) = @_;

	return "-- schemamig:revision $id\n-- schemamig:parents $parents\n"
	  . "\n-- schemamig:up\n$up\n"
	  . (defined $down ? "\n-- schemamig:down\n$down\n" : '');
}

sub wrong_usage
{
	foreach (
		[ [], qr/a command is missing/ ],
		[ ['frobnicate'], qr/there is no command "frobnicate"/ ],
		[ ['--frobnicate'], qr/unknown option --frobnicate/ ],
		[ [ 'apply', '--force' ], qr/unknown option --force.*usage: schemamig apply/s ],
		[ [ 'apply', '-x' ], qr/unknown option -x/ ],
		[ [ 'apply', 'a', 'b' ], qr/too many arguments/ ],
		[ [ 'apply', '--transaction', 'never' ], qr/takes revision or all, not "never"/ ],
		[ [ 'apply', '--transaction' ], qr/option --transaction needs a value/ ],
		[ [ 'apply', '--allow-destructive=no' ], qr/takes no value/ ],
		[ ['push'], qr/an argument is missing/ ],
		[ [ 'push', "$work/no such" ], qr/there is no directory ".*no such"/ ],
		[ [ 'push', new_directory() ], qr/there is no file \*\.sql/ ],
		[ [ 'new', $work ], qr/an argument is missing/ ],
		[ [ 'import', 'dbmate', "$work/no such" ], qr/cannot be read/ ],
		[ [ 'completion', 'csh' ], qr/there is no completion for "csh"/ ],
		[ [ 'help', 'frobnicate' ], qr/there is no command "frobnicate"/ ],
		[ ['-d'], qr/option -d needs a value/ ])
	{
		my ($args, $message) = @$_;
		fails("refuses: @$args", 2, $message, @$args);
	}
	return;
}

sub connections
{
	local $ENV{PGPORT} = 1;
	fails('no server', 4, qr/connection to server/, 'status');
	$ENV{PGPORT} = $node->port;
	fails('no such database', 4, qr/database "nowhere" does not exist/,
		'status', '-d', 'nowhere');
	{
		local $ENV{PSQL} = "$work/no psql";
		fails('no psql', 4, qr/no psql cannot be run/, 'status');
	}
	fails('no extension', 3,
		qr/database "template1" has no extension schemamig\nHINT:  CREATE EXTENSION schemamig/,
		'status', '--dbname=template1');
	is(succeeds('a connection string', "-ddbname=$database", 'status') =~ /^pending: +0$/m,
		1, 'reaches the database');

	value('ALTER EXTENSION schemamig DROP FUNCTION schemamig_status;'
		  . ' ALTER FUNCTION schemamig_status RENAME TO set_aside');
	fails('a function that the server lacks', 3,
		qr/database "$database" has no function schemamig_status\nHINT:  Update/,
		'status');
	value('ALTER FUNCTION set_aside RENAME TO schemamig_status;'
		  . ' ALTER EXTENSION schemamig ADD FUNCTION schemamig_status');
	return;
}

sub new_files
{
	my $directory = new_directory();
	my $message = q{it's "odd": `id`, $(id), :'id' \ Ünïcode};
	my $before = stored();
	my ($first, $second, $third) = map { chomp; $_ } (
		scalar succeeds('new', 'new', $directory, $message),
		scalar succeeds('new, again', 'new', "$directory/", 'second',
			'--id', '0002_second', '-l', 'one,two'),
		scalar succeeds('new base', 'new', '--base', $directory, 'third'));

	like($first, qr{^\Q$directory\E/[0-9a-f]{12}_it_s_odd_id_id_id_Ünïcode\.sql$},
		'the name of the file tells the message');
	my ($id) = $first =~ m{/([0-9a-f]{12})_[^/]*$};
	my $content = read_file($first);
	like($content, qr/^-- schemamig:revision $id\n-- schemamig:message \Q$message\E\n-- schemamig:parents\n/,
		'the file names revision, message and parents');
	is($second, "$directory/0002_second.sql", 'an id that tells is the name');
	like(read_file($second), qr/^-- schemamig:parents $id\n-- schemamig:labels one, two\n/m,
		'it follows the file that is not pushed yet');
	like(read_file($third), qr/^-- schemamig:parents\n/m, 'a base follows nothing');
	fails('an id that is taken', 3, qr/revision "0002_second" already exists/,
		'new', $directory, 'x', '-i', '0002_second');
	fails('two heads', 3, qr/several heads/, 'new', $directory, 'x');
	succeeds('new with parents', 'new', $directory, 'x', '-i', 'joined', '-p',
		"0002_second," . ($third =~ m{/([0-9a-f]{12})_})[0]);
	fails('several lines', 3, qr/message must be one line/, 'new', $directory,
		"two\nlines");
	is(stored(), $before, 'nothing is stored by new');
	is(succeeds('push', 'push', $directory) =~ /^4 new, 0 changed, 0 the same$/m,
		1, 'what new writes can be pushed');
	return;
}

# Where backslashes mean something in SQL's plain strings.
sub backslashes
{
	my ($name) = @_;
	my $directory = new_directory();
	my $views = 'SELECT string_agg(pg_get_viewdef(c.oid), chr(10) ORDER BY relname)'
	  . " FROM pg_class c WHERE relnamespace = 'schemamig'::regnamespace AND relkind = 'v'";
	my $expected = value($views);
	my $script = "SELECT 'a\\b', E'\\t';";

	$node->safe_psql('postgres', qq{CREATE DATABASE "$name"});
	$node->safe_psql('postgres', qq{ALTER DATABASE "$name" SET standard_conforming_strings = off});
	$database = $ENV{PGDATABASE} = $name;
	my ($status, $out, $err) = $node->psql($name, 'CREATE EXTENSION schemamig');
	is($err, '', 'the extension is created without a warning');
	is(value("SET standard_conforming_strings = on; $views"), $expected, 'with the same views');
	write_file("$directory/it's \\.sql", revision_file('a', '', $script, ''));
	succeeds('push with such strings', 'push', $directory);
	is(value("SELECT up FROM schemamig_show('a')"), $script, 'they arrive as they are');
	succeeds("$_ with such strings", $_) foreach ('plan', 'apply', 'status');
	return;
}

# Each byte that text can have, and what shells, awk, JSON, psql and SQL treat
# specially.
sub nasty_script
{
	my $bytes = join '', map { chr } (1 .. 9, 11, 12, 14 .. 127);

	return "SELECT \$x\$$bytes\\\\ \\n \\t \\u0041 %s %% && & ''' \"\"\" `id` "
	  . "\$(id) \${HOME} :'id' :id :\"id\" \\gset ä€𝄞\r\n-- last\$x\$;";
}

sub pushing
{
	my $directory = new_directory();
	my @names = ('plain.sql', 'with space.sql', "it's.sql", 'say "x".sql',
		'back\\slash\\n.sql', "line\nend.sql", 'a=b.sql', '-n.sql', 'Ünïcode.sql',
		'$(id) `id`.sql', 'per%cent %s.sql', '*.sql', "tab\t.sql",
		'sub dir/deeper/below.sql', 'a&b;c|d.sql');
	my $script = nasty_script();
	my $parent = '';

	make_path("$directory/sub dir/deeper", "$directory/.hidden");
	foreach my $i (0 .. $#names)
	{
		write_file("$directory/$names[$i]",
			revision_file("n$i", $parent, $script, "-- down\n$script"));
		$parent = "n$i";
	}
	write_file("$directory/.hidden/x.sql", 'nonsense');
	write_file("$directory/.x.sql", 'nonsense');
	write_file("$directory/README.md", 'nonsense');

	my $before = stored();
	my $out = succeeds('dry run', 'push', '-n', $directory);
	like($out, qr/^new      Ünïcode\.sql: n8$/m, 'a dry run tells what is new');
	like($out, qr/^15 new, 0 changed, 0 the same\ndry run: nothing has been stored$/m,
		'and how much');
	is(stored(), $before, 'a dry run stores nothing');
	unlike(succeeds('push', 'push', $directory), qr/dry run/, 'push is no dry run');
	my $expected = unpack 'H*', $script;
	is(value("SELECT count(*) FROM schemamig.revision WHERE id ~ '^n[0-9]+\$'"
			  . " AND encode(convert_to(up, 'UTF8'), 'hex') = '$expected'"),
		scalar @names, 'each script arrived byte for byte');
	$before = stored();
	is(succeeds('push, again', 'push', $directory),
		"0 new, 0 changed, 15 the same\n", 'nothing is new');
	is(stored(), $before, 'nothing is changed');
	write_file("$directory/plain.sql", revision_file('n0', '', 'SELECT 2;'));
	like(succeeds('push a change', 'push', $directory),
		qr/^changed  plain\.sql: n0\n0 new, 1 changed, 14 the same$/,
		'it says what has changed');

	$before = stored();
	foreach (
		[ "a\0b", 2, qr/^schemamig: file "bad\nname\.sql" is not text in UTF-8$/ ],
		[ "a\xffb", 2, qr/file "bad\nname\.sql" is not text in UTF-8/ ],
		[ '', 3, qr/file "bad\nname\.sql" contains no revision/ ],
		[ "SELECT 1;\n", 3, qr/line 1 of file "bad\nname\.sql"/ ],
		[ revision_file('bad', 'n1', "SELECT 1;\nSELEKT 2;"), 3,
			qr/"SELEKT".*revision "bad" at line 1 of file "bad\nname\.sql"/s ],
		[ revision_file('n2', 'n1', 'SELECT 2;'), 3,
			qr/revision "n2" is given more than once.*file "it's\.sql"|revision "n2" is given more than once.*file "bad/s ],
		[ revision_file('bad', 'nowhere', ''), 3, qr/parent "nowhere" .* does not exist/ ])
	{
		my ($content, $code, $message) = @$_;
		write_file("$directory/bad\nname.sql", $content);
		fails('a bad file', $code, $message, 'push', $directory);
	}
	{
		# zero bytes are found where sed leaves them out, too
		my $poor = new_directory();
		write_file("$poor/sed", "#!/bin/sh\nexec tr -d '\\000'\n");
		chmod 0755, "$poor/sed" or die $!;
		local $ENV{PATH} = "$poor:$ENV{PATH}";
		write_file("$directory/bad\nname.sql", "a\0b");
		fails('a zero byte and a poor sed', 2, qr/is not text in UTF-8$/, 'push', $directory);
	}
	unlink "$directory/bad\nname.sql" or die $!;
	is(stored(), $before, 'bad files change nothing');
	return;
}

sub many_files
{
	my $directory = new_directory();
	my $long = 'x' x 190;
	my $parent = '';

	# more names than one call of awk gets
	foreach my $i (1 .. 900)
	{
		write_file(sprintf("%s/%04d%s.sql", $directory, 1000 - $i, $long),
			revision_file("many$i", $parent, "SELECT $i;", ''));
		$parent = "many$i";
	}
	is((split /\n/, succeeds('push of many', 'push', $directory))[-1],
		'900 new, 0 changed, 0 the same', 'all are new');
	is(succeeds('push of many, again', 'push', $directory),
		"0 new, 0 changed, 900 the same\n", 'none is new');
	return;
}

sub pulling
{
	my $shop = new_directory();
	my $copy = new_directory() . '/made by pull';

	foreach my $file (glob "$top/examples/shop/*.sql")
	{
		write_file("$shop/" . basename($file), read_file($file));
	}
	like(succeeds('push the shop', 'push', $shop), qr/^37 new/m, 'the shop is new');
	my $original = files_below($shop);
	is(succeeds('pull to the origin', 'pull', $shop), '', 'nothing to write');
	is_deeply(files_below($shop), $original, 'pull(push(x)) = x');

	like(succeeds('dry pull', 'pull', '-n', new_directory()),
		qr/^new     0001_create_accounts\.sql$/m, 'a dry run tells');
	succeeds('pull elsewhere', 'pull', $copy);
	my $pulled = files_below($copy);
	is_deeply([ sort keys %$pulled ], [ sort keys %$original ],
		'files are named by their ids');
	is(succeeds('push what was pulled', 'push', $copy),
		"0 new, 0 changed, 37 the same\n", 'they hold the same');

	unlink "$copy/0007_order_summary.sql" or die $!;
	my $own = $pulled->{'0037_describe_the_schema.sql'} . "-- mine\n";
	write_file("$copy/0037_describe_the_schema.sql", $own);
	write_file("$copy/mine.sql", revision_file('mine', '0036_tell_about_sales', ''));
	my ($code, $out) = client('pull', $copy);
	is($code, 1, 'pull with a file that differs');
	is($out, "differs 0037_describe_the_schema.sql\nnew     0007_order_summary.sql\n",
		'it says what it does');
	is(read_file("$copy/0037_describe_the_schema.sql"), $own,
		'and leaves the file alone');
	succeeds('dry forced pull', 'pull', '--force', '--dry-run', $copy);
	is(read_file("$copy/0037_describe_the_schema.sql"), $own, 'a dry run, too');
	is(succeeds('forced pull', 'pull', '-f', $copy),
		"changed 0037_describe_the_schema.sql\n", 'force writes it');
	unlink "$copy/mine.sql" or die "pull has removed a file of ours: $!";
	is_deeply(files_below($copy), $pulled, 'all is as it was');

	# ids that are no names of files
	value("SELECT schemamig_revision('x', '', '', '$_', parents => '{}')")
	  foreach ('../../outside', 'A/b', 'a/b', '.hidden', '..', '/etc/x', '007');
	my $odd = new_directory();
	succeeds('pull odd ids', 'pull', $odd);
	is_deeply([ grep { !exists $original->{$_} } sort keys %{ files_below($odd) } ],
		[ '007_x.sql', 'A_b.sql', 'a_b-2.sql', 'etc_x.sql', 'hidden.sql',
			'outside.sql', 'revision.sql' ],
		'names stay in the directory, and differ without regard to case');
	like(succeeds('push odd ids', 'push', $odd), qr/^0 new, 0 changed, 44 the same/,
		'they hold the same');
	return;
}

# Runs, with the extension in a schema that is not in the search path.
sub running
{
	my $directory = new_directory();

	write_file("$directory/a.sql",
		revision_file('a', '', 'CREATE TABLE a (i int);', 'DROP TABLE a;'));
	write_file("$directory/b.sql",
		revision_file('b', 'a', 'CREATE INDEX CONCURRENTLY a_i_idx ON a (i);', 'DROP INDEX a_i_idx;'));
	write_file("$directory/c.sql",
		revision_file('c', 'b', 'SELECT 1/(SELECT count(*) FROM a);', ''));
	succeeds('status of nothing', 'status');
	succeeds('push', 'push', $directory);
	my ($code, $out) = client('status');
	is($code, 1, 'status when revisions are pending');
	like($out, qr/^current:  none\nheads:    c\npending:  3\nnext: .*3 revisions/,
		'it tells where we are');
	like(succeeds('plan', 'plan'), qr/ b +\| +1 \| concurrent /, 'plan');
	like(succeeds('plan to a target', 'plan', 'a'), qr/CREATE TABLE a/, 'with a target');
	unlike(succeeds('plan to a target', 'plan', 'a'), qr/CONCURRENTLY/, 'and no further');
	like(succeeds('plan as script', 'plan', '--sql', 'a'),
		qr/^CREATE TABLE a \(i int\);$/m, 'plan --sql');

	my ($result, $messages) = succeeds('apply', 'apply', 'b');
	like($result, qr/^2 revisions applied in /, 'apply says what it has done');
	is($messages, qq{NOTICE:  applying "a" (1 of 2)\nNOTICE:  applying "b" (2 of 2)\n},
		'and what it is doing, one line each');
	is(value("SELECT DISTINCT application_name FROM schemamig.run"), 'schemamig',
		'runs know the client');
	like((succeeds('nothing to plan', 'plan', 'b'))[0], qr/^nothing to do$/m, 'plan says so');
	like((succeeds('nothing to apply', 'apply', 'b'))[1], qr/nothing to do/, 'apply says so');
	fails('a script that fails', 3, qr/division by zero.*continues at revision "c"/s, 'apply');
	($code, $out) = client('status');
	is($code, 1, 'status after a failure');
	like($out, qr/^failed:   apply head at c division by zero$/m, 'it tells which');
	value('INSERT INTO a VALUES (1)');
	succeeds('apply the rest in one transaction', 'apply', '--transaction=all', 'head');
	succeeds('status when all is done', 'status');

	like(succeeds('plan of a revert', 'plan', '--revert', 'base'), qr/DROP TABLE a.* yes/,
		'tells what destroys');
	like(succeeds('plan of one back', 'plan', '--revert'), qr/^ c /m, '-1 is the default');
	like(succeeds('revert', 'revert'), qr/^1 revision reverted/, 'revert goes one back');
	succeeds('revert -1', 'revert', '-1');
	is(value("SELECT string_agg(revision, ' ') FROM \"We \"\"ird\".schemamig_current()"),
		'a', '-1 is a target');
	fails('revert without consent', 3, qr/would destroy.*allow_destructive/s, 'revert', 'base');
	is(value("SELECT count(*) FROM a"), 1, 'nothing is lost');
	succeeds('revert with consent', 'revert', 'base', '--allow-destructive');
	fails('an unknown target', 3, qr/nowhere/, 'apply', '--', 'nowhere');
	fails('a hostile target', 3, qr/'; DROP TABLE x; --/, 'apply', "'; DROP TABLE x; --");

	value('CREATE SCHEMA s; CREATE TABLE s.t (i int)');
	is(succeeds('diff', 'diff', 'empty', 'schema:s') =~ /CREATE TABLE/ ? 1 : 0, 1,
		'diff prints DDL');
	like(succeeds('diff --down', 'diff', '--down', 'empty', 'schema:s'), qr/DROP TABLE/,
		'and the way back');
	return;
}

foreach my $shell (shells())
{
	(my $name = "We ird_$shell") =~ s/\W/_/g;

	use_shell($shell);
	note("with $shell");
	new_database($name);
	wrong_usage();
	connections();
	new_files();
	pushing();
	many_files();
	backslashes("backslash_$name");
	new_database("pull_$name");
	pulling();
	new_database("run $name", 'CREATE SCHEMA "We ""ird";'
		  . ' CREATE EXTENSION schemamig SCHEMA "We ""ird"');
	running();
}

$node->stop;
done_testing();
