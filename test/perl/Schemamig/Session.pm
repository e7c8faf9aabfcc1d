# A psql that stays: statements are sent without waiting, so that a test can
# look around while they run.  Works alike with the TAP modules of PostgreSQL
# 15 to 18, whose own background_psql does not.
#
#	my $s = Schemamig::Session->new($node, dbname => 'postgres');
#	$s->send("SELECT schemamig_apply('head')");
#	...
#	$s->wait;           # stdout; notices and errors are in $s->err
#	$s->query($sql);    # send and wait
#
# Errors come with SQLSTATE (VERBOSITY verbose).

package Schemamig::Session;

use strict;
use warnings FATAL => 'all';

use IPC::Run;
use Time::HiRes qw(sleep time);

# seconds for anything to happen; the long forms have a million rows
my $limit = $ENV{SCHEMAMIG_STRESS} ? 600 : 20;

sub new
{
	my ($class, $node, %options) = @_;
	my $dbname = $options{dbname} // 'postgres';
	my $self = bless {
		in => '',
		out => '',
		err => '',
		n => 0,
		node => $node
	}, $class;
	my $connstr = $node->connstr($dbname) . ($options{connection} // '');

	local $ENV{PGUSER} = $options{user} if $options{user};
	local $ENV{PGCLIENTENCODING} = $options{encoding} if $options{encoding};
	local $ENV{PGAPPNAME} = $options{name} // 'session';
	$self->{run} = IPC::Run::start(
		[
			$node->installed_command('psql'), '-XAtq',
			'-v', 'VERBOSITY=verbose', '-d', $connstr, '-f', '-'
		],
		'<', \$self->{in}, '>', \$self->{stdout}, '2>', \$self->{stderr});
	$self->{stdout} = '';
	$self->{stderr} = '';
	$self->{pid} = $self->query('SELECT pg_backend_pid()')
	  unless $options{unconnected};
	return $self;
}

# Sends statements; the answer is complete when is_done says so.
sub send
{
	my ($self, $sql) = @_;
	die "the last statement is still running" if $self->{mark};
	$self->{mark} = '<done ' . ++$self->{n} . '>';
	$self->{stdout} = '';
	$self->{stderr} = '';
	$self->{sent_at} = time;
	$self->{in} .= "$sql;\n\\echo $self->{mark}\n\\warn $self->{mark}\n";
	$self->pump;
	return $self;
}

sub pump
{
	my ($self) = @_;
	eval { $self->{run}->pump_nb; 1 } or $self->{gone} = 1;
	return;
}

# Whether psql has answered, or is gone.
sub is_done
{
	my ($self) = @_;
	return 1 unless $self->{mark};
	$self->pump;
	my $mark = quotemeta $self->{mark};
	if ($self->{stdout} =~ /^$mark$/m && $self->{stderr} =~ /^$mark$/m)
	{
		$self->{took} = time - $self->{sent_at};
		s/^$mark\n//m foreach @$self{qw(stdout stderr)};
		undef $self->{mark};
		return 1;
	}
	if ($self->{gone} || !$self->{run}->pumpable)
	{
		$self->{took} = time - $self->{sent_at};
		undef $self->{mark};
		return 1;
	}
	return 0;
}

# Waits for the answer.  Returns standard output without the last newline.
sub wait
{
	my ($self) = @_;
	my $begin = time;
	until ($self->is_done)
	{
		die "timeout; stdout: $self->{stdout}\nstderr: $self->{stderr}\n"
		  if time - $begin > $limit;
		sleep 0.005;
	}
	chomp(my $out = $self->{stdout});
	return $out;
}

sub query
{
	my ($self, $sql) = @_;
	return $self->send($sql)->wait;
}

# Notices and errors of the last statements so far.
sub err
{
	my ($self) = @_;
	$self->is_done;
	return $self->{stderr};
}

# Waits until notices and errors match.
sub wait_err
{
	my ($self, $pattern) = @_;
	my $begin = time;
	until ($self->err =~ $pattern)
	{
		return 0 if time - $begin > $limit;
		sleep 0.01;
	}
	return 1;
}

# Waits until the query's answer is "t", or the one given.
sub until
{
	my ($self, $sql, $expected, $seconds) = @_;
	my $begin = time;
	my $answer;
	$expected //= 't';
	while (($answer = $self->query($sql)) ne $expected)
	{
		if (time - $begin > ($seconds // $limit))
		{
			print STDERR "# waited in vain for \"$expected\": $sql\n",
			  "# last answer: $answer $self->{stderr}\n";
			return 0;
		}
		sleep 0.02;
	}
	return time - $begin || 1e-6;
}

sub pid { return $_[0]->{pid} }

# Seconds the last statement took.
sub took { return $_[0]->{took} }

# Process id of psql itself.
sub client_pid { return $_[0]->{run}{KIDS}[0]{PID} }

sub signal
{
	my ($self, $signal) = @_;
	kill $signal, $self->client_pid;
	return;
}

sub close
{
	my ($self) = @_;
	return unless $self->{run};
	eval {
		$self->{in} .= "\\q\n" unless $self->{mark};
		$self->{run}->kill_kill if $self->{mark};
		$self->{run}->finish;
		1;
	};
	undef $self->{run};
	return;
}

sub DESTROY { $_[0]->close }

1;
