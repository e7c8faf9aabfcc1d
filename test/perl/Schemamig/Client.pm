# Calls bin/schemamig, by each shell that is there.

package Schemamig::Client;

use strict;
use warnings FATAL => 'all';

use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename;
use IPC::Run qw(run start finish);
use Test::More;

our @EXPORT = qw(shells use_shell client succeeds fails start_client
  end_client write_file read_file files_below);

our $program = abs_path(dirname(__FILE__) . '/../../../bin/schemamig');

my @shell;

# The shells to test with; a shell of several words is busybox.
sub shells
{
	my @found;

	foreach my $shell ('dash', 'bash', 'busybox sh', 'mksh', 'ksh93')
	{
		my ($name) = split / /, $shell;
		push @found, $shell if grep { -x "$_/$name" } split /:/, $ENV{PATH};
	}
	return @found;
}

sub use_shell
{
	@shell = split / /, shift;
	return;
}

# Runs the program; returns its exit code, output and messages.
sub client
{
	my @args = @_;
	my ($out, $err) = ('', '');

	run([ @shell, $program, @args ], '<', '/dev/null', '>', \$out, '2>', \$err);
	my $status = $?;

	return ($status & 127 ? 128 + ($status & 127) : $status >> 8, $out, $err);
}

# It ends with 0; returns what it printed.
sub succeeds
{
	my ($name, @args) = @_;
	my ($code, $out, $err) = client(@args);

	is($code, 0, $name) or diag("$out$err");
	return wantarray ? ($out, $err) : $out;
}

# It ends with this code, and its messages match.
sub fails
{
	my ($name, $expected, $message, @args) = @_;
	my ($code, $out, $err) = client(@args);

	is($code, $expected, $name) or diag("$out$err");
	like($err, $message, "$name: message");
	return $out;
}

# Starts the program as a terminal or a service does, with signals as usual.
sub start_client
{
	my ($result, @args) = @_;

	$result->{out} = $result->{err} = '';
	return start([ @shell, $program, @args ],
		'<', '/dev/null', '>', \$result->{out}, '2>', \$result->{err},
		init => sub { $SIG{$_} = 'DEFAULT' foreach qw(INT TERM HUP) });
}

# Waits for it; returns its exit code.
sub end_client
{
	my ($handle) = @_;

	finish($handle);
	my $status = ($handle->full_results)[0];
	return $status & 127 ? 128 + ($status & 127) : $status >> 8;
}

sub write_file
{
	my ($name, $content) = @_;

	open my $out, '>:raw', $name or die "could not write \"$name\": $!";
	print $out $content;
	close $out or die "could not write \"$name\": $!";
	return;
}

sub read_file
{
	my ($name) = @_;

	open my $in, '<:raw', $name or die "could not read \"$name\": $!";
	local $/;
	my $content = <$in>;
	close $in;
	return $content;
}

# All files below a directory, as a hash of names and contents.
sub files_below
{
	my ($directory, $prefix) = @_;
	my %files;

	$prefix = '' if !defined $prefix;
	opendir my $handle, $directory or die "could not read \"$directory\": $!";
	foreach my $name (grep { !/^\.\.?$/ } readdir $handle)
	{
		if (-d "$directory/$name")
		{
			my $below = files_below("$directory/$name", "$prefix$name/");
			@files{ keys %$below } = values %$below;
		}
		else
		{
			$files{"$prefix$name"} = read_file("$directory/$name");
		}
	}
	closedir $handle;
	return \%files;
}

1;
