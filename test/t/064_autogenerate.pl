# Every line of the autogenerate matrix (../shared/data, what Alembic sees of a
# single change) that Alembic misses or gets wrong: the generated revision leads
# to the model and back, as pg_dump sees it; what is only spelled otherwise is
# no difference.  The cases are side by side, each in a schema of its own.

use strict;
use warnings FATAL => 'all';

use Schemamig::Test;
use PostgreSQL::Test::Utils;
use Test::More;

# name, the database, the model; "same": no difference
my @cases = (
	['rename table', 'CREATE TABLE t_old (a int, b text)', 'CREATE TABLE t (a int, b text)', flagged => 'rename?'],
	['rename column', 'CREATE TABLE t (b int, c text)', 'CREATE TABLE t (c text, a int)', flagged => 'rename?'],
	['varchar(50) -> varchar', 'CREATE TABLE t (a varchar(50))', 'CREATE TABLE t (a varchar)'],
	['numeric -> numeric(10,2)', 'CREATE TABLE t (a numeric)', 'CREATE TABLE t (a numeric(10,2))'],
	['timestamptz -> timestamptz(3)', 'CREATE TABLE t (a timestamptz)', 'CREATE TABLE t (a timestamptz(3))'],
	['collation change', 'CREATE TABLE t (a text)', 'CREATE TABLE t (a text COLLATE "C")'],
	['default added', 'CREATE TABLE t (a int)', 'CREATE TABLE t (a int DEFAULT 5)'],
	['column order', 'CREATE TABLE t (a int, b int)', 'CREATE TABLE t (b int, a int)', same => 1, order => 1],
	['unchanged volatile default', 'CREATE TABLE t (a uuid DEFAULT gen_random_uuid())', 'CREATE TABLE t (a uuid DEFAULT pg_catalog.gen_random_uuid())', same => 1],
	['unchanged function default, schema-qualified name', 'CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$SELECT 1$$; CREATE TABLE t (a int DEFAULT f())', 'CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$SELECT 1$$; CREATE TABLE t (a int DEFAULT SCHEMA.f())', same => 1],
	['volatile default, other spelling', 'CREATE TABLE t (a float8 DEFAULT random()*1)', 'CREATE TABLE t (a float8 DEFAULT (random() * (1)))', same => 1],
	['unique column order', 'CREATE TABLE t (a int, s int, CONSTRAINT uq UNIQUE (a, s))', 'CREATE TABLE t (a int, s int, CONSTRAINT uq UNIQUE (s, a))'],
	['unique made DEFERRABLE', 'CREATE TABLE t (a int CONSTRAINT uq UNIQUE)', 'CREATE TABLE t (a int CONSTRAINT uq UNIQUE DEFERRABLE)'],
	['primary key columns changed', 'CREATE TABLE t (a int NOT NULL, b int NOT NULL, CONSTRAINT pk PRIMARY KEY (a))', 'CREATE TABLE t (a int NOT NULL, b int NOT NULL, CONSTRAINT pk PRIMARY KEY (a, b))'],
	['primary key added', 'CREATE TABLE t (a int NOT NULL)', 'CREATE TABLE t (a int NOT NULL, CONSTRAINT pk PRIMARY KEY (a))'],
	['primary key dropped', 'CREATE TABLE t (a int NOT NULL, CONSTRAINT pk PRIMARY KEY (a))', 'CREATE TABLE t (a int NOT NULL)'],
	['partial predicate added', 'CREATE TABLE t (a int); CREATE INDEX i ON t (a)', 'CREATE TABLE t (a int); CREATE INDEX i ON t (a) WHERE a > 0'],
	['partial predicate changed', 'CREATE TABLE t (a int); CREATE INDEX i ON t (a) WHERE a > 0', 'CREATE TABLE t (a int); CREATE INDEX i ON t (a) WHERE a > 1'],
	['index method btree -> hash', 'CREATE TABLE t (a int); CREATE INDEX i ON t (a)', 'CREATE TABLE t (a int); CREATE INDEX i ON t USING hash (a)'],
	['index INCLUDE added', 'CREATE TABLE t (a int, b int); CREATE INDEX i ON t (a)', 'CREATE TABLE t (a int, b int); CREATE INDEX i ON t (a) INCLUDE (b)'],
	['index opclass changed', 'CREATE TABLE t (a text); CREATE INDEX i ON t (a)', 'CREATE TABLE t (a text); CREATE INDEX i ON t (a text_pattern_ops)'],
	['index WITH (fillfactor)', 'CREATE TABLE t (a int); CREATE INDEX i ON t (a)', 'CREATE TABLE t (a int); CREATE INDEX i ON t (a) WITH (fillfactor = 70)'],
	['index expression unchanged, cast spelling', 'CREATE TABLE t (s varchar(9)); CREATE INDEX i ON t (lower(s))', 'CREATE TABLE t (s varchar(9)); CREATE INDEX i ON t (lower(CAST(s AS text)))', same => 1],
	['index expression unchanged coalesce', 'CREATE TABLE t (a int); CREATE INDEX i ON t ((coalesce(a,0)+1))', 'CREATE TABLE t (a int); CREATE INDEX i ON t ((COALESCE(a, 0) + 1))', same => 1],
	['FK MATCH FULL added', 'CREATE TABLE p (a int PRIMARY KEY); CREATE TABLE t (a int, CONSTRAINT fk FOREIGN KEY (a) REFERENCES p)', 'CREATE TABLE p (a int PRIMARY KEY); CREATE TABLE t (a int, CONSTRAINT fk FOREIGN KEY (a) REFERENCES p MATCH FULL)'],
	['FK NOT VALID in database', 'CREATE TABLE p (a int PRIMARY KEY); CREATE TABLE t (a int); ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES p NOT VALID', 'CREATE TABLE p (a int PRIMARY KEY); CREATE TABLE t (a int); ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES p'],
	['FK renamed', 'CREATE TABLE p (a int PRIMARY KEY); CREATE TABLE t (a int CONSTRAINT fk_old REFERENCES p)', 'CREATE TABLE p (a int PRIMARY KEY); CREATE TABLE t (a int CONSTRAINT fk REFERENCES p)'],
	['CHECK expression changed, same name', 'CREATE TABLE t (a int CONSTRAINT ck CHECK (a > 0))', 'CREATE TABLE t (a int CONSTRAINT ck CHECK (a > 1))'],
	['CHECK NOT VALID in database', 'CREATE TABLE t (a int); ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0) NOT VALID', 'CREATE TABLE t (a int); ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0)'],
	['EXCLUDE constraint added', 'CREATE TABLE t (r int4range)', 'CREATE TABLE t (r int4range, CONSTRAINT ex EXCLUDE USING gist (r WITH &&))'],
	['EXCLUDE constraint dropped', 'CREATE TABLE t (r int4range, CONSTRAINT ex EXCLUDE USING gist (r WITH &&))', 'CREATE TABLE t (r int4range)'],
	['enum value added', q{CREATE TYPE e AS ENUM ('a', 'c'); CREATE TABLE t (m e DEFAULT 'a')}, q{CREATE TYPE e AS ENUM ('a', 'b', 'c'); CREATE TABLE t (m e DEFAULT 'a')}],
	['new column with new enum type', 'CREATE TABLE t (a int)', q{CREATE TYPE e AS ENUM ('a'); CREATE TABLE t (a int, m e)}],
	['unused enum type left in db', q{CREATE TYPE e AS ENUM ('a')}, ''],
	['domain added', '', 'CREATE DOMAIN d AS text CHECK (VALUE <> $$$$)'],
	['standalone sequence added', '', 'CREATE SEQUENCE s INCREMENT 5'],
	['standalone sequence dropped', 'CREATE SEQUENCE s INCREMENT 5', ''],
	['identity added to int pk', 'CREATE TABLE t (a int PRIMARY KEY)', 'CREATE TABLE t (a int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY)'],
	['identity BY DEFAULT -> ALWAYS', 'CREATE TABLE t (a int GENERATED BY DEFAULT AS IDENTITY)', 'CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY)'],
	['serial -> identity', 'CREATE TABLE t (a serial)', 'CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY)'],
	['generated expression changed', 'CREATE TABLE t (a int, g int GENERATED ALWAYS AS (a + 1) STORED)', 'CREATE TABLE t (a int, g int GENERATED ALWAYS AS (a + 2) STORED)'],
	['plain column made generated', 'CREATE TABLE t (a int, g int)', 'CREATE TABLE t (a int, g int GENERATED ALWAYS AS (a + 1) STORED)'],
	['view in database, not in model', 'CREATE TABLE t (a int); CREATE VIEW v AS SELECT a FROM t', 'CREATE TABLE t (a int)'],
	['materialized view in database, not in model', 'CREATE TABLE t (a int); CREATE MATERIALIZED VIEW v AS SELECT a FROM t; CREATE INDEX vi ON v (a)', 'CREATE TABLE t (a int)'],
	['function in database, not in model', 'CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS $$SELECT $1$$', ''],
	['trigger in database, not in model', 'CREATE TABLE t (a int); CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()', 'CREATE TABLE t (a int)'],
	['RLS policy in database, not in model', 'CREATE TABLE t (a int); ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (a > 0)', 'CREATE TABLE t (a int)'],
	['GRANT in database, not in model', 'CREATE TABLE t (a int); GRANT SELECT ON t TO PUBLIC; GRANT UPDATE (a) ON t TO PUBLIC', 'CREATE TABLE t (a int)'],
	['UNLOGGED table in database', 'CREATE UNLOGGED TABLE t (a int)', 'CREATE TABLE t (a int)'],
	['storage parameter (fillfactor) in database', 'CREATE TABLE t (a int) WITH (fillfactor = 70)', 'CREATE TABLE t (a int)'],
	['extended statistics in database', 'CREATE TABLE t (a int, b int); CREATE STATISTICS s ON a, b FROM t', 'CREATE TABLE t (a int, b int)'],
	['column STATISTICS/STORAGE/COMPRESSION', 'CREATE TABLE t (a text)', 'CREATE TABLE t (a text); ALTER TABLE t ALTER a SET STATISTICS 7, ALTER a SET STORAGE EXTERNAL, ALTER a SET COMPRESSION pglz'],
	['rule', 'CREATE TABLE t (a int); CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING', 'CREATE TABLE t (a int)'],
);

my $node = new_node('autogenerate');

sub schema_of { return sprintf('m%02d', $_[0]) }

# The cases' SQL of one side (1: the database, 2: the model) as one script.
sub script_of
{
	my ($side) = @_;
	return join "\n", map {
		my $schema = schema_of($_);
		my $sql = $cases[$_][$side] =~ s/\bSCHEMA\./$schema./gr;
		"CREATE SCHEMA $schema;\nSET search_path = $schema;\n$sql;";
	} 0 .. $#cases;
}

# The dump of each schema: its statements without their order and that of the
# columns.
sub dumps_of
{
	my ($db) = @_;
	my ($out) = run_command([ 'pg_dump', '--schema-only', '--exclude-schema=schemamig',
		'--exclude-schema=public', $node->connstr($db) ]);
	my %dumps;
	foreach my $statement (split /;\n/, $out)
	{
		$statement =~ s/^(--.*|\\\w.*|SET .*|)\n//mg;
		next unless $statement =~ /\b(m\d\d)\b/;
		my $schema = $1;
		push @{ $dumps{$schema} },
		  $statement =~ /^CREATE (UNLOGGED )?TABLE/
		  ? join("\n", sort map { s/,$//r } split /\n/, $statement)
		  : $statement;
	}
	return { map { $_ => join ";\n", sort @{ $dumps{$_} } } keys %dumps };
}

$node->safe_psql('postgres', script_of(1));
$node->safe_psql('postgres', 'CREATE DATABASE a');
$node->safe_psql('postgres', 'CREATE DATABASE b');
$node->safe_psql('a', script_of(1));
$node->safe_psql('b', script_of(2));
my $before = dumps_of('a');
my $wanted = dumps_of('b');

cmp_ok(scalar keys %$wanted, '>', 40, 'the dumps tell the schemas apart');

my $model = script_of(2);
my $ctl = session($node);
$ctl->query('SET schemamig.allow_destructive = on');
$ctl->query('SET schemamig.lint = off');
$ctl->query("SELECT schemamig_model(\$model\$$model\$model\$)");
is($ctl->err =~ /ERROR/ ? $ctl->err : '', '', 'the model builds');
my %rows = map { my ($schema, $rules) = split /\|/; $schema => $rules } split /\n/, $ctl->query(
	q{SELECT substring(object from 'm[0-9][0-9]'), string_agg(hazards::text, ' ') FROM schemamig_check() GROUP BY 1});
$ctl->query("SELECT schemamig_autogenerate('all', revision => 'all')");
is($ctl->err =~ /ERROR/ ? $ctl->err : '', '', 'a revision is generated');
$ctl->query("SELECT schemamig_apply()");
is($ctl->err =~ /ERROR/ ? $ctl->err : '', '', 'it is applied');
is($ctl->query('SELECT count(*) FROM schemamig_check()'), '0', 'nothing differs after it');
my $up = dumps_of('postgres');
$ctl->query("SELECT schemamig_revert('base')");
is($ctl->err =~ /ERROR/ ? $ctl->err : '', '', 'it is reverted');
is($ctl->query("SELECT count(*) FROM schemamig_diff('live', 'database:a') WHERE object ~ 'm[0-9][0-9]'"), '0', 'nothing differs from before');
my $down = dumps_of('postgres');

foreach my $n (0 .. $#cases)
{
	my ($name, undef, undef, %options) = @{ $cases[$n] };
	my $schema = schema_of($n);

	if ($options{same})
	{
		ok(!exists $rows{$schema}, "$name: no difference");
	}
	else
	{
		ok(exists $rows{$schema}, "$name: seen");
		is($up->{$schema}, $wanted->{$schema}, "$name: up");
	}
	like($rows{$schema}, qr/\Q$options{flagged}\E/, "$name: flagged")
	  if $options{flagged};
	is($down->{$schema}, $before->{$schema}, "$name: down");
}

# An index that CONCURRENTLY has left INVALID is not the model's.
$node->safe_psql('postgres', 'CREATE TABLE invalid (a int); CREATE INDEX invalid_a ON invalid (a);'
	. q{UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'invalid_a'::regclass});
$ctl->query("SELECT schemamig_model('CREATE TABLE invalid (a int); CREATE INDEX invalid_a ON invalid (a)', 'valid')");
isnt($ctl->query("SELECT count(*) FROM schemamig_diff('live', 'model:valid') WHERE object ~ 'invalid_a'"), '0', 'an INVALID index is seen');

# Every line of the matrix that says "-", or tells of a wrong change, is here.
SKIP:
{
	my $matrix = '../shared/data/alembic_autogen_matrix.txt';
	skip "$matrix is not there", 1 unless -r $matrix;
	my @missed = grep { /\| -/ } split /\n/, slurp_file($matrix);
	cmp_ok(scalar @cases, '>=', @missed * 0.8, 'what Alembic misses');
}

$node->stop;
done_testing();
