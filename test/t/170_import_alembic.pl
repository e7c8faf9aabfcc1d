# What real Alembic renders offline is imported: the same graph, the same schema
# as its own run gives, and back to nothing.

use strict;
use warnings FATAL => 'all';

use Cwd;
use PostgreSQL::Test::Utils;
use Schemamig::Interop;
use Schemamig::Test;
use Test::More;

# the system's, and the newest; each has a Python of its own
my @alembics = grep { $_ && -x } '/usr/bin/alembic', tool('alembic');
plan skip_all => 'Alembic is not installed; apt-get install alembic, or scripts/interop-tools'
  unless @alembics;
my $alembic = $alembics[0];

my $node = new_node('alembic');
my $dir = PostgreSQL::Test::Utils::tempdir();
my $user = getpwuid($<);

sub project
{
	my ($name, $db, @options) = @_;
	my $url = "postgresql+psycopg2://$user\@/$db?host=" . $node->host . '&port=' . $node->port;

	run_tool(Cwd::getcwd(), '/usr/bin/python3', 'test/interop/alembic_project.py',
		"$dir/$name", $url, @options);
	return "$dir/$name";
}

my $graph = <<'END';
cic|{a13}|{}
b1|{cic}|{}
b2|{b1}|{}
c1|{cic}|{}
c2|{c1}|{}
m1|{b2,c2}|{}
x1|{}|{m1}
x2|{x1}|{}
n1|{m1}|{}
n2|{n1}|{x2}
END

sub from_alembic
{
	my ($name, $own, @options) = @_;
	my ($ours, $theirs) = databases($node, $name);
	my $project = project($name, $theirs, @options);
	my $up = run_tool($project, $alembic, 'upgrade', 'base:heads', '--sql');
	my $down = run_tool($project, $alembic, 'downgrade', 'heads:base', '--sql');
	my ($count, $err) = import_text($node, $ours, 'alembic', $up, $down);

	is($count, '23', "$name: all revisions are there");
	unlike($err, qr/WARNING|ERROR/, "$name: without warnings");
	is( $node->safe_psql($ours,
			"SELECT string_agg(concat_ws('|', id, parents, depends_on) || E'\\n', '' ORDER BY"
			  . " array_position('{cic,b1,b2,c1,c2,m1,x1,x2,n1,n2}', id))"
			  . " FROM schemamig.revision WHERE id !~ '^a'"),
		$graph, "$name: parents and dependencies are Alembic's");
	is($node->safe_psql($ours,
			"SELECT count(*) FROM schemamig.revision WHERE up ~ 'version_num' OR down ~ 'version_num'"),
		'0', "$name: nothing of Alembic's bookkeeping is in the scripts");
	run_tool($project, $alembic, 'upgrade', 'heads');
	same_schema($node, $ours, $theirs, $name, @$own);
	is((import_text($node, $ours, 'alembic', $up, $down))[0], '23',
		"$name: importing again changes nothing");
	nothing_after_revert($node, $ours, $name);
	$node->safe_psql($theirs, 'CREATE EXTENSION schemamig');
	import_text($node, $theirs, 'alembic', $up, $down);
	adopted($node, $theirs, "alembic:public.$own->[0]", $name);
	return ($up, $down, $project);
}

if (@alembics > 1 && $alembics[0] ne $alembics[1])
{
	$alembic = $alembics[1];
	from_alembic('newest', ['alembic_version'], 'one');
	$alembic = $alembics[0];
}
my ($up, $down, $project) = from_alembic('one', ['alembic_version'], 'one');
from_alembic('named', ['alembic_version'], 'per', 'named');
{
	local $ENV{VERSION_TABLE} = 'our_version';
	local $ENV{VERSION_SCHEMA} = 'public';
	from_alembic('custom', ['our_version'], 'per');
}

# messages come from Alembic's log, when it is in the same file
my ($db) = databases($node, 'log');
import_text($node, $db, 'alembic',
	"INFO  [alembic.runtime.migration] Running upgrade  -> a1, create users\n$up");
is($node->safe_psql($db, "SELECT message, down IS NULL FROM schemamig.revision WHERE id = 'a1'"),
	'create users|t', 'messages come from the log; without downgrades nothing can be undone');

# a part of the history goes on from what is there
my $part = run_tool($project, $alembic, 'upgrade', 'a3:a5', '--sql');
($db) = databases($node, 'part');
my ($count, $err) = import_text($node, $db, 'alembic', $part);
like($err, qr/"a3"/, 'a part needs its parent');
import_text($node, $db, 'alembic', run_tool($project, $alembic, 'upgrade', 'base:a3', '--sql'));
($count, $err) = import_text($node, $db, 'alembic', $part);
is($count, '2', 'a part is imported where its parent is');

# what could not be rendered is told
append_to_file("$project/env/versions/a6.py", <<'END');

def upgrade():
    op.execute("SELECT 1")
    for row in op.get_bind().execute("SELECT id FROM users").fetchall():
        op.execute("UPDATE users SET name = 'x' WHERE id = %d" % row[0])

def downgrade():
    raise NotImplementedError("never")
END
my ($stdout, $stderr) = ('', '');
IPC::Run::run([ 'sh', '-c', "cd $project && $alembic upgrade base:heads --sql 2>&1" ], '>', \$stdout);
($db) = databases($node, 'broken');
($count, $err) = import_text($node, $db, 'alembic', $stdout);
like($err, qr/ERROR:  revision "a6" is not complete: Alembic could not render it offline/,
	'a revision that Alembic could not render is refused');
is($node->safe_psql($db, 'SELECT count(*) FROM schemamig.revision'), '0', 'and nothing is stored');
IPC::Run::run([ 'sh', '-c', "cd $project && $alembic downgrade heads:base --sql 2>/dev/null" ], '>', \$stdout);
($count, $err) = import_text($node, $db, 'alembic', $up, $stdout);
like($err, qr/WARNING:  6 revisions cannot be undone.*\n.*DETAIL:  a1, a2, a3, a4, a5, a6/,
	'downgrades that Alembic could not render are listed');
is($node->safe_psql($db, "SELECT string_agg(id, ',' ORDER BY id) FROM schemamig.revision WHERE down IS NULL"),
	'a1,a2,a3,a4,a5,a6', 'and cannot be undone');

# errors, with their lines
($count, $err) = import_text($node, $db, 'alembic', 'CREATE TABLE t ()');
like($err, qr/is not the output of "alembic upgrade --sql"/, 'other text is refused');
($count, $err) = import_text($node, $db, 'alembic', $up . "GRANT SELECT ON users TO PUBLIC;\n");
like($err, qr/behind the end of revision "n2".*file "source", line \d+/s, 'statements behind the end are refused');
(my $wrong = $up) =~ s/ALTER TABLE users ADD COLUMN c4/ALTER TABEL users ADD COLUMN c4/;
($count, $err) = import_text($node, $db, 'alembic', $wrong);
my $line = 1 + (substr($wrong, 0, index($wrong, 'TABEL')) =~ tr/\n//);
like($err, qr/syntax error at or near "TABEL".*file "source", line $line/s, 'a syntax error has its line');
$up =~ s/(-- Running upgrade cic -> b1\n)/$1\nSELECT id FROM users;\n/;
($db) = databases($node, 'reading');
($count, $err) = import_text($node, $db, 'alembic', $up);
like($err, qr/WARNING:  revision "b1" reads rows/, 'a revision that reads rows is pointed at');

$node->stop;
done_testing();
