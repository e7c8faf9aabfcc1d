# A page of documentation whose examples are run.
#
#	my $page = Schemamig::Page->new($file);
#	$page->blocks;      # { language, options, text, line } in their order
#	$page->run($node, $dbname);   # problems, as texts
#
# What a fenced block is, its first line says:
#
#	```sql          runs in psql, in the order of the page; must not fail
#	```sql error    must fail
#	```sql until    is run again until it gives what is shown below it
#	```sql other    runs in a second session, which stays open
#	```text         what the block above gives, but for what varies; a line
#	                "..." stands for any number of lines
#	```text N       what it gives instead from PostgreSQL N (17, 18) on; comes
#	                right after the other, and may be in an HTML comment
#	```sh, ```json, ```mermaid, ```  are only shown

package Schemamig::Page;

use strict;
use warnings FATAL => 'all';

use File::Temp;
use IPC::Run;
use Time::HiRes qw(sleep time);

use Schemamig::Session;

my %known = map { $_ => 1 }
  ('sql', 'sql error', 'sql until', 'sql other', 'text', 'text 17', 'text 18',
	'sh', 'json', 'mermaid', '');
my @options = qw(-X -q -P pager=off -P footer=off -P border=1
  -v ON_ERROR_STOP=1);
my $patience = 15;    # seconds until something must have been shown

sub new
{
	my ($class, $file) = @_;
	my $self = bless { file => $file, blocks => [] }, $class;
	my $block;

	open my $in, '<', $file or die "could not open $file: $!\n";
	while (my $line = <$in>)
	{
		if (!$block && $line =~ /^```(.*?)\s*$/)
		{
			$block = { kind => $1, line => $., text => '' };
		}
		elsif ($block && $line =~ /^```\s*$/)
		{
			push @{ $self->{blocks} }, $block;
			undef $block;
		}
		elsif ($block)
		{
			$block->{text} .= $line;
		}
		else
		{
			$self->{prose} .= $line;
			# only blank lines and the ends of comments may stand between
			# statement and output
			$self->{blocks}[-1]{apart} = 1
			  if @{ $self->{blocks} } && $line =~ /\S/
			  && $line !~ /^(<!--.*|-->)$/;
		}
	}
	close $in;
	$self->{unclosed} = $block->{line} if $block;
	return $self;
}

sub blocks
{
	my ($self) = @_;
	return @{ $self->{blocks} };
}

# All of the page's text.
sub text
{
	my ($self) = @_;
	return join '', $self->{prose} // '', map { $_->{text} } $self->blocks;
}

# Pairs of a block that runs and what it must give, or undef; and what is
# wrong with the form of the page.
sub examples
{
	my ($self) = @_;
	my (@examples, @problems);
	my ($before, $shown);

	push @problems, "line $self->{unclosed}: the block has no end"
	  if $self->{unclosed};
	foreach my $block ($self->blocks)
	{
		my $kind = $block->{kind};

		push @problems, "line $block->{line}: unknown kind of block \"$kind\""
		  unless $known{$kind};
		if ($kind =~ /^sql/)
		{
			push @examples, { %$block, shown => undef };
			$before = $block;
		}
		elsif ($kind eq 'text' && $before && !$before->{apart})
		{
			$examples[-1]{shown} = $block->{text};
			$examples[-1]{shown_line} = $block->{line};
			$shown = $block;
			undef $before;
		}
		elsif ($kind =~ /^text (\d+)$/ && $shown && !$shown->{apart})
		{
			$examples[-1]{shown_from}{$1} = $block;
		}
		elsif ($kind =~ /^text/)
		{
			push @problems,
			  "line $block->{line}: output without a statement before it";
		}
		else
		{
			undef $before;
		}
		undef $shown if $kind ne 'text';
	}
	foreach my $example (@examples)
	{
		push @problems,
		  "line $example->{line}: \"until\" needs the output that is awaited"
		  if $example->{kind} eq 'sql until' && !defined $example->{shown};
	}
	return (\@examples, \@problems);
}

# Takes out what differs from run to run: times, process ids, random ids and
# checksums that the page does not choose itself, and how wide columns are.
sub normalise
{
	my ($self, $text) = @_;
	my $chosen = join '', map { $_->{text} } grep { $_->{kind} =~ /^sql/ }
	  $self->blocks;
	my @lines;

	foreach (split /\n/, $text)
	{
		s/\b[0-9a-f]{64}\b/<checksum>/g;
		s/\b([0-9a-f]{12})\b/index($chosen, $1) < 0 ? '<id>' : $1/ge;
		s/\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d(:\d\d)?)?/<timestamp>/g;
		s/-?\b\d+:\d\d:\d\d(\.\d+)?\b/<time>/g;
		s/\b\d+(\.\d+)? (ms|s|min)\b/<duration>/g;
		s/\bprocess \d+/process <pid>/g;
		s/("?pid"?:? )\d+/$1<pid>/g;
		s/[ \t]+/ /g;
		s/-{3,}/---/g;
		s/^ | $//g;
		push @lines, $_ if $_ ne '';
	}
	return @lines;
}

# Whether the output is what is shown; "..." takes any number of lines.
sub matches
{
	my ($self, $shown, $output) = @_;
	my $pattern = join '', map { $_ eq '...' ? '(?:.*\n)*?' : quotemeta . '\n' }
	  $self->normalise($shown);
	my $seen = join '', map { "$_\n" } $self->normalise($output);

	return $seen =~ /\A$pattern\z/;
}

# Runs a text in psql: exit status, and everything it said, in that order.
sub psql
{
	my ($self, $text) = @_;
	my $output = File::Temp->new;

	local @ENV{qw(PGAPPNAME PGCLIENTENCODING PGTZ PGOPTIONS)} =
	  ('psql', 'UTF8', 'UTC', '-c client_min_messages=notice -c statement_timeout=20s');
	IPC::Run::run([ $self->{psql}, @options, '-d', $self->{connstr} ],
		'<', \$text, '>', "$output", '2>&1');
	my $status = $? >> 8;

	open my $in, '<', "$output" or die "could not read output: $!\n";
	local $/;
	return ($status, scalar(<$in>) // '');
}

# Runs one example: a problem, or nothing.
sub run_example
{
	my ($self, $example) = @_;
	my $kind = $example->{kind};
	my $begin = time;
	my ($status, $output);

	if ($kind eq 'sql other')
	{
		$self->{other} //= Schemamig::Session->new($self->{node},
			dbname => $self->{dbname});
		(my $text = $example->{text}) =~ s/;\s*\z//;
		$output = $self->{other}->query($text);
		$status = $self->{other}->err =~ /^(ERROR|FATAL)/m ? 3 : 0;
		$output .= $self->{other}->err if $status;
	}
	else
	{
		($status, $output) = $self->psql($example->{text});
		while ($kind eq 'sql until'
			&& time - $begin < $patience
			&& !$self->matches($example->{shown}, $output))
		{
			sleep 0.05;
			($status, $output) = $self->psql($example->{text});
		}
	}
	$example->{output} = $output;
	return "line $example->{line}: the example fails\n$output"
	  if $status && $kind ne 'sql error';
	return "line $example->{line}: the example does not fail\n$output"
	  if !$status && $kind eq 'sql error';
	return "line $example->{shown_line}: the output is\n$output"
	  if defined $example->{shown}
	  && !$self->matches($example->{shown}, $output);
	return;
}

# Runs the page in a database: problems, as texts.  An example that comes
# after one that has failed tells nothing, so that the first is the last.
sub run
{
	my ($self, $node, $dbname) = @_;
	my ($examples, $problems) = $self->examples;

	@$self{qw(node dbname psql connstr)} =
	  ($node, $dbname, $node->installed_command('psql'),
		$node->connstr($dbname));
	foreach my $example (@$examples)
	{
		foreach my $from (sort { $a <=> $b } keys %{ $example->{shown_from} || {} })
		{
			@$example{qw(shown shown_line)} = @{ $example->{shown_from}{$from} }{qw(text line)}
			  if $node->pg_version->major >= $from;
		}
		my $problem = $self->run_example($example);

		push @$problems, $problem if $problem;
		last if $problem && $problem =~ /fail/;
	}
	$self->{other}->close if $self->{other};
	undef $self->{other};
	return @$problems;
}

1;
