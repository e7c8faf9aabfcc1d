# What pg_dump --schema-only says of a database, comparable.
#
# The dump as a sorted list of statements: without the order of statements, of
# columns and of storage parameters, which ALTER cannot set, and without what
# belongs to schemamig, which is in the schema smig.

package Schemamig::SchemaDump;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use IPC::Run ();

our @EXPORT_OK = qw(dump_of dumps_differ);

# The statements of a dump, as an array.
sub dump_of
{
	my ($node, $db) = @_;
	my ($text, $err);

	IPC::Run::run(
		[
			'pg_dump', '-p', $node->port, '-h', $node->host, '--schema-only',
			'-N', 'schemamig', '-N', 'smig', $db
		], '>', \$text, '2>', \$err) or die "pg_dump: $err";
	$text =~ s/^(--.*|\\(un)?restrict.*|SET .*;|SELECT pg_catalog.set_config.*)?\n//mg;
	$text =~ s{^(CREATE (?:UNLOGGED |FOREIGN )?TABLE [^\n]*\()\n(.*?)\n\)}
		{ "$1\n" . join("\n", sort map { s/,$//r } split /\n/, $2) . "\n)" }mgse;
	$text =~ s{^WITH \((.*)\)(;?)$}
		{ "WITH (" . join(", ", sort split /, /, $1) . ")$2" }mge;
	$text =~ s{^(CREATE STATISTICS .* ON )([\w, ]+)( FROM)}
		{ $1 . join(", ", sort split /, /, $2) . $3 }mge;
	return [ sort grep { /\S/ && !/EXTENSION.* schemamig/ } split /;\n/, $text ];
}

# What is in one dump and not in the other, of all schemas or of one.
sub dumps_differ
{
	my ($got, $want, $schema) = @_;
	my %got  = map { $_ => 1 } @$got;
	my %want = map { $_ => 1 } @$want;
	my @lines = (
		(map { "+ $_" } grep { !$want{$_} } @$got),
		(map { "- $_" } grep { !$got{$_} } @$want));

	@lines = grep { /\b$schema\b/ } @lines if defined $schema;
	return join "\n", @lines;
}

1;
