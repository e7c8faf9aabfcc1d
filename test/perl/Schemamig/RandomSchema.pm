# Pairs of random schemas that have much in common.
#
#	my $schema = Schemamig::RandomSchema->new($seed);
#	$schema->sql('a');   # statements that make the one
#	$schema->sql('b');   # ... and the other
#
# Every choice has a name.  A choice is made by a hash of the seed and the name,
# and for some names of the side as well: these are what differs.  So the same
# seed gives the same pair everywhere, and a part that both have is equal unless
# one of its own choices differs.
#
# Not every statement has to be right: what fails to load is left out.

package Schemamig::RandomSchema;

use strict;
use warnings FATAL => 'all';

use Digest::MD5 qw(md5);

my @types = (
	'int',       'bigint',      'smallint',     'text',
	'varchar(20)', 'varchar(40)', 'char(5)',    'numeric(8,2)',
	'numeric',   'timestamptz', 'timestamp(3)', 'date',
	'boolean',   'uuid',        'jsonb',        'text[]',
	'int[]',     's.e1',        's.e2',         's.e1[]',
	's.d1',      's.d2',        's.k1',         's.r1');
my %defaults = (
	int            => [ 0, '7', 's.f1(3)', "nextval('s.q1')" ],
	bigint         => [ 0, '70000000000' ],
	text           => [ "''", "'x'", 'upper(\'y\')', "'it''s'" ],
	'varchar(20)'  => [ "'v'", "'w'" ],
	timestamptz    => [ 'now()', "'2020-01-01'" ],
	boolean        => [ 'true', 'false' ],
	uuid           => ['gen_random_uuid()'],
	's.e1'         => [ "'a'", "'b'" ],
	's.e2'         => ["'c'"],
	'int[]'        => ["'{1,2}'"],
	'numeric(8,2)' => [ '1.5', '2' ]);

my @indexes = (
	[ '(a)', '(b DESC NULLS LAST, id)', '(lower(c::text))' ],
	[ '(id) INCLUDE (a)', '(a) WHERE b IS NOT NULL', 'USING hash (id)' ],
	[ '(s.f1(id))', '(e, f, id)' ]);

sub new
{
	my ($class, $seed) = @_;

	return bless { seed => $seed }, $class;
}

# A number from 0 to $n - 1 that belongs to a name.
sub number
{
	my ($self, $name, $n) = @_;

	return unpack('L', md5("$self->{seed}/$name")) % $n;
}

# One of the values, by the name of the choice.
sub pick
{
	my ($self, $name, @values) = @_;
	my $own = $self->{side} eq 'b' && $self->number("$name differs", 100) < 18;

	return $values[ $self->number($own ? "$name b" : $name, scalar @values) ];
}

sub add
{
	my ($self, $sql) = @_;

	push @{ $self->{sql} }, $sql;
	return;
}

# Owner, comment, privileges.
sub extras
{
	my ($self, $kind, $id, @privileges) = @_;
	my $owner   = $self->pick("$id owner",   '', '', '', 'alice', 'bob');
	my $comment = $self->pick("$id comment", '', '', '', "it's", 'other');

	$self->add("ALTER $kind $id OWNER TO $owner") if $owner;
	$self->add("COMMENT ON $kind $id IS '" . $comment =~ s/'/''/gr . "'") if $comment;
	return unless @privileges;
	foreach my $role ('alice', 'bob', 'PUBLIC')
	{
		my $what = $self->pick("$id $role", '', '', '', '', @privileges);
		my $on   = $kind =~ /VIEW|TABLE/ ? 'TABLE' : $kind;

		$self->add("GRANT $what ON $on $id TO $role"
			  . ($role ne 'PUBLIC' ? $self->pick("$id $role option", '', '', ' WITH GRANT OPTION') : ''))
		  if $what;
	}
	return;
}

sub types
{
	my ($self) = @_;

	foreach my $name ('e1', 'e2', 'e3')
	{
		my @labels = grep { $self->pick("$name $_", 1, 1, 0) } 'a' .. 'f';

		next unless $self->pick($name, 1, 1, 1, 0);
		@labels = reverse @labels if $self->pick("$name order", 0, 0, 0, 0, 1);
		$self->add("CREATE TYPE s.$name AS ENUM (" . join(', ', map { "'$_'" } @labels) . ')');
		$self->extras('TYPE', "s.$name", 'USAGE');
	}
	foreach my $name ('d1', 'd2')
	{
		next unless $self->pick($name, 1, 1, 1, 0);
		my $type = $self->pick("$name type", 'int', 'text', 'numeric(5,2)', 'varchar(9)');

		$self->add("CREATE DOMAIN s.$name AS $type"
			  . $self->pick("$name null", '', '', '', ' NOT NULL')
			  . $self->pick("$name default", '', '', " DEFAULT '1'", " DEFAULT '2'"));
		foreach my $n (1, 2)
		{
			$self->add("ALTER DOMAIN s.$name ADD CONSTRAINT $name$n CHECK (value IS NULL OR length(value::text) > "
				  . $self->pick("$name check $n value", 0, -1, -2) . ')')
			  if $self->pick("$name check $n", 0, 0, 1);
		}
		$self->extras('DOMAIN', "s.$name");
	}
	foreach my $name ('k1', 'k2')
	{
		next unless $self->pick($name, 1, 1, 0);
		my @parts = map { "$_ " . $self->pick("$name $_ type", 'int', 'bigint', 'text', 's.e1', 's.d1') }
		  grep { $self->pick("$name $_", 1, 1, 0) } 'w' .. 'z';

		$self->add("CREATE TYPE s.$name AS (" . join(', ', @parts) . ')');
		$self->extras('TYPE', "s.$name", 'USAGE');
	}
	$self->add('CREATE TYPE s.r1 AS RANGE (subtype = ' . $self->pick('r1 type', 'int', 'int', 'float8', 'text') . ')')
	  if $self->pick('r1', 1, 1, 0);
	return;
}

sub sequences
{
	my ($self) = @_;

	foreach my $name ('q1', 'q2')
	{
		next unless $self->pick($name, 1, 1, 0);
		$self->add("CREATE SEQUENCE s.$name"
			  . $self->pick("$name type",      '', '', ' AS int', ' AS smallint')
			  . $self->pick("$name increment", '', '', ' INCREMENT 5', ' INCREMENT -2')
			  . $self->pick("$name max",       '', '', ' MAXVALUE 1000', ' MAXVALUE 30000')
			  . $self->pick("$name cache",     '', '', ' CACHE 9')
			  . $self->pick("$name cycle",     '', '', ' CYCLE'));
		$self->extras('SEQUENCE', "s.$name", 'USAGE', 'SELECT', 'ALL');
	}
	return;
}

sub functions
{
	my ($self) = @_;

	foreach my $n (1 .. 3)
	{
		my $name = "f$n";
		my $args = $self->pick("$name args", 'x int', 'x int', 'x int, y int DEFAULT 2', 'y int', 'x bigint');
		my $body = $n > 1 && $self->pick("$name calls", 0, 1) ? 's.f' . ($n - 1) . '(1)' : '1';

		next unless $self->pick($name, 1, 1, 1, 0);
		$self->add("CREATE FUNCTION s.$name($args) RETURNS "
			  . $self->pick("$name result", 'int', 'int', 'bigint')
			  . ' LANGUAGE sql '
			  . $self->pick("$name volatility", 'IMMUTABLE', 'IMMUTABLE', 'STABLE')
			  . $self->pick("$name strict",     '',          ' STRICT')
			  . ($self->pick("$name atomic", 0, 0, 1)
				? " RETURN $body"
				: " AS 'SELECT $body'"));
		$self->extras('FUNCTION', "s.$name", 'EXECUTE')
		  if $args eq 'x int';
	}
	$self->add("CREATE FUNCTION s.tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN "
		  . $self->pick('tf', 'NEW', 'NULL')
		  . "; END'");
	$self->add("CREATE FUNCTION s.counts() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM s.t1'")
	  if $self->pick('counts', 0, 1);
	return;
}

sub columns
{
	my ($self, $table, $kind) = @_;

	foreach my $column ('a' .. 'g', '"H h"')
	{
		my $key  = "$table $column";
		my $type = $self->pick("$key type", @types);
		my $sql  = "ALTER TABLE s.$table ADD COLUMN $column $type";
		my $at   = "ALTER TABLE s.$table ALTER COLUMN $column";

		next unless $self->pick($key, 1, 1, 1, 0);
		my $how = $self->pick("$key how", ('') x 7, 'default', 'default', 'default', 'identity', 'generated');

		$sql .= ' COLLATE "C"' if $type =~ /text|varchar/ && $self->pick("$key collate", 0, 0, 0, 1);
		if ($how eq 'default' && $defaults{$type})
		{
			$sql .= ' DEFAULT ' . $self->pick("$key default", @{ $defaults{$type} });
		}
		elsif ($how eq 'identity' && $type =~ /int$/ && $kind eq 'plain')
		{
			$sql .= ' GENERATED '
			  . $self->pick("$key identity", 'ALWAYS', 'BY DEFAULT')
			  . ' AS IDENTITY'
			  . $self->pick("$key options", '', '', ' (INCREMENT 3)', ' (START 10 MINVALUE 5)');
		}
		elsif ($how eq 'generated')
		{
			$sql = "ALTER TABLE s.$table ADD COLUMN $column int GENERATED ALWAYS AS (id + "
			  . $self->pick("$key value", 1, 2) . ') STORED';
		}
		$sql .= ' NOT NULL' if $self->pick("$key null", 0, 0, 0, 1);
		$self->add($sql);
		$self->add("$at SET STORAGE " . $self->pick("$key storage", 'EXTERNAL', 'MAIN'))
		  if $type =~ /text|jsonb/ && $self->pick("$key stored", 0, 0, 0, 1);
		$self->add("$at SET STATISTICS " . $self->pick("$key target", 10, 100))
		  if $self->pick("$key statistics", 0, 0, 0, 0, 1);
		$self->add("COMMENT ON COLUMN s.$table.$column IS 'c'") if $self->pick("$key comment", 0, 0, 0, 0, 1);
		$self->add("GRANT SELECT ($column) ON s.$table TO alice") if $self->pick("$key grant", 0, 0, 0, 0, 0, 1);
	}
	return;
}

sub table_parts
{
	my ($self, $table, $kind) = @_;
	my $id = "s.$table";

	$self->add("ALTER TABLE $id ADD CONSTRAINT ${table}_pk"
		  . $self->pick("$table key name", '', '', '', '2')
		  . ' PRIMARY KEY (id)'
		  . ($kind eq 'plain' ? $self->pick("$table key", '', '', '', ' DEFERRABLE') : ''))
	  if $self->pick("$table keyed", 1, 1, 1, 0);
	$self->add("ALTER TABLE $id ADD CONSTRAINT ${table}_u UNIQUE "
		  . $self->pick("$table unique", '(id, a)', '(b, id)', 'NULLS NOT DISTINCT (id, c)', '(id) INCLUDE (a)'))
	  if $self->pick("$table uniques", 0, 1);
	foreach my $n (1, 2)
	{
		$self->add("ALTER TABLE $id ADD CONSTRAINT ${table}_c$n CHECK ("
			  . $self->pick("$table check $n", 'id > 0', 'a IS NOT NULL OR b IS NULL', "a::text IN ('1', '2')", 'b::text <> c::text', 's.f1(1) > id')
			  . ')'
			  . $self->pick("$table valid $n", '', '', '', ' NOT VALID'))
		  if $self->pick("$table checks $n", 0, 1);
	}
	foreach my $n (1 .. 3)
	{
		# two equal indexes of a partitioned table are taken for one another
		my $on = $self->pick("$table index $n on", @{ $indexes[ $n - 1 ] });

		next unless $self->pick("$table index $n", 0, 1);
		$self->add('CREATE '
			  . $self->pick("$table index $n unique", '', '', 'UNIQUE ')
			  . "INDEX ${table}_i$n"
			  . $self->pick("$table index $n name", '', '', '', 'x')
			  . " ON $id "
			  . $on);
	}
	$self->add("CREATE STATISTICS s.${table}_s " . $self->pick("$table statistics kind", '', '(ndistinct)', '(dependencies)') . " ON a, b FROM $id")
	  if $self->pick("$table statistics", 0, 0, 1);
	if ($self->pick("$table security", 0, 0, 1))
	{
		$self->add("ALTER TABLE $id ENABLE ROW LEVEL SECURITY");
		$self->add("CREATE POLICY p ON $id " . $self->pick("$table policy", 'USING (id > 1)', 'FOR SELECT TO alice USING (id > 2)', 'USING (a IS NULL) WITH CHECK (id > 0)', 'USING (s.f1(id) > 0)'));
	}
	if ($self->pick("$table trigger", 0, 0, 1))
	{
		$self->add("CREATE TRIGGER tr " . $self->pick("$table trigger when", 'BEFORE INSERT', 'AFTER UPDATE OF a', 'BEFORE INSERT OR DELETE') . " ON $id FOR EACH ROW EXECUTE FUNCTION s.tf()");
		$self->add("ALTER TABLE $id DISABLE TRIGGER tr") if $self->pick("$table trigger off", 0, 0, 1);
	}
	$self->add("CREATE RULE ru AS ON DELETE TO $id DO " . $self->pick("$table rule", 'INSTEAD NOTHING', 'ALSO NOTHING'))
	  if $kind eq 'plain' && $self->pick("$table ruled", 0, 0, 0, 0, 1);
	$self->add("ALTER TABLE $id REPLICA IDENTITY FULL") if $self->pick("$table identity", 0, 0, 0, 1);
	$self->extras('TABLE', $id, 'SELECT', 'SELECT, INSERT', 'ALL');
	return;
}

sub tables
{
	my ($self) = @_;

	foreach my $n (1 .. 5)
	{
		my $table = "t$n";
		my $kind  = $self->pick("$table kind", ('plain') x 12, 'partitioned', 'partitioned', 'partitioned');
		my $parent = $n > 1 && $kind eq 'plain' ? $self->pick("$table parent", (0) x 9, 1) : 0;

		next unless $self->pick($table, 1, 1, 1, 0);
		if ($parent)
		{
			$self->add("CREATE TABLE s.$table (own int) INHERITS (s.t" . ($n - 1) . ')');
			next;
		}
		$self->add('CREATE ' . ($kind eq 'plain' ? $self->pick("$table logged", '', '', '', '', 'UNLOGGED ') : '') . "TABLE s.$table (id int NOT NULL)"
			  . ($kind eq 'partitioned' ? ' PARTITION BY RANGE (id)' : $self->pick("$table options", '', '', ' WITH (fillfactor = 80)', ' WITH (fillfactor = 70, autovacuum_enabled = off)')));
		$self->columns($table, $kind);
		if ($kind eq 'partitioned')
		{
			foreach my $part (1 .. 3)
			{
				$self->add("CREATE TABLE s.${table}_$part PARTITION OF s.$table FOR VALUES FROM ("
					  . $part * 100 . ') TO (' . ($part * 100 + $self->pick("$table part $part to", 100, 100, 50)) . ')')
				  if $self->pick("$table part $part", 1, 1, 0);
			}
		}
		$self->table_parts($table, $kind);
	}
	foreach my $n (1 .. 4)
	{
		my $to = $self->pick("reference $n to", 1 .. 5);

		$self->add("ALTER TABLE s.t$n ADD CONSTRAINT fk$n FOREIGN KEY (" . $self->pick("reference $n", 'id', 'id', 'a') . ") REFERENCES s.t$to (id)"
			  . $self->pick("reference $n action", '', '', ' ON DELETE CASCADE', ' ON UPDATE SET NULL', ' DEFERRABLE INITIALLY DEFERRED')
			  . $self->pick("reference $n valid", '', '', '', ' NOT VALID'))
		  if $self->pick("reference $n there", 0, 1);
	}
	return;
}

sub views
{
	my ($self) = @_;

	foreach my $n (1 .. 3)
	{
		my $t     = $self->pick("v$n table", 1 .. 5);
		my $view  = "s.v$n";
		my $below = $n > 1 && $self->pick("v$n below", 0, 0, 1);

		next unless $self->pick("v$n", 1, 1, 0);
		$self->add("CREATE VIEW $view" . $self->pick("v$n options", '', '', ' WITH (security_barrier = true)') . ' AS SELECT '
			  . ($below ? '*' : $self->pick("v$n columns", 'id, a', 'id, a, b', 'id, c AS a', '*', 'max(id) AS id', "id, a::text IN ('x', 'y') AS a"))
			  . ' FROM ' . ($below ? 's.v' . ($n - 1) : "s.t$t")
			  . $self->pick("v$n where", '', ' WHERE id IS NOT NULL'));
		$self->add("ALTER VIEW $view ALTER COLUMN id SET DEFAULT 5") if $self->pick("v$n default", 0, 0, 0, 1);
		$self->add("GRANT SELECT (id) ON $view TO bob") if $self->pick("v$n grant", 0, 0, 0, 1);
		$self->extras('VIEW', $view, 'SELECT', 'ALL');
	}
	if ($self->pick('m1', 0, 1))
	{
		$self->add('CREATE MATERIALIZED VIEW s.m1 AS SELECT ' . $self->pick('m1 columns', 'id', 'id, a', '*') . ' FROM ' . $self->pick('m1 from', 's.t1', 's.v1', 's.t2'));
		$self->add('CREATE INDEX mi ON s.m1 (id)') if $self->pick('mi', 0, 1);
		$self->extras('MATERIALIZED VIEW', 's.m1', 'SELECT');
	}
	return;
}

# The statements of one side, 'a' or 'b'.
sub sql
{
	my ($self, $side) = @_;

	$self->{side} = $side;
	$self->{sql}  = [];
	$self->add('CREATE SCHEMA s');
	$self->extras('SCHEMA', 's', 'USAGE', 'ALL');
	$self->types;
	$self->sequences;
	$self->functions;
	$self->tables;
	$self->views;
	$self->add('ALTER SEQUENCE s.q2 OWNED BY s.t1.a') if $self->pick('q2 owned', 0, 1);
	$self->add('ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO ' . $self->pick('default to', 'alice', 'bob'))
	  if $self->pick('default privileges', 0, 0, 0, 1);
	$self->add('CREATE PUBLICATION pub FOR TABLE s.' . $self->pick('published', 't1', 't2', 't1, s.t2'))
	  if $self->pick('publication', 0, 0, 1);
	return map { "$_;\n" } @{ $self->{sql} };
}

1;
