#-------------------------------------------------------------------------
#
# 160_report.pl
#	  The page for a review: its structure is sound and accessible, nothing
#	  that a revision says becomes markup, and a real browser shows it.
#
# The first part reads the page as text; the second lets Chromium read it, and
# is skipped where there is none.
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';
use utf8;

use Compress::Zlib;
use Cwd qw(abs_path);
use File::Basename;
use IPC::Run;
use List::Util qw(max min sum);
use PostgreSQL::Test::Utils;
use Schemamig::Test;
use Test::More;

my $top = abs_path(dirname(__FILE__) . '/../..');
my $node = new_node('report');
my $dir = PostgreSQL::Test::Utils::tempdir();

sub sql
{
	my ($sql, $db) = @_;
	local $ENV{PGOPTIONS} = '-c client_min_messages=warning';
	local $ENV{PGCLIENTENCODING} = 'UTF8';
	utf8::encode($sql);
	my $result = $node->safe_psql($db // 'postgres', $sql);
	utf8::decode($result);
	return $result;
}

# What the page may consist of.
my %void = map { $_ => 1 } qw(meta br circle path);
my %elements = map { $_ => 1 } qw(html head meta title style body header h1 h2
  h3 nav ul li a main section article p dl dt dd div span table caption thead
  tbody tr th td pre code details summary svg path circle text br footer);
my %attributes = map { $_ => 1 } qw(lang charset http-equiv content name id
  class href aria-label aria-labelledby role tabindex scope width height d cx
  cy r x y);

# Reads markup strictly: elements in the order of their begin, each with name,
# attributes, text and parent; and what is wrong with it.
sub parse
{
	my ($page) = @_;
	my (@open, @all, @problems);

	$page =~ s/\A<!DOCTYPE html>\s*//i or push @problems, 'no document type';
	pos($page) = 0;
	while (pos($page) < length $page)
	{
		if ($page =~ /\G<\/([a-z0-9]+)>/gc)
		{
			my $name = @open ? (pop @open)->{name} : '';
			push @problems, "</$1> closes <$name>" if $name ne $1;
		}
		elsif ($page =~ /\G<([a-z0-9]+)((?: [a-z-]+="[^"<]*")*)(\/?)>/gc)
		{
			my ($name, $text, $closed) = ($1, $2, $3);
			my %has = $text =~ / ([a-z-]+)="([^"]*)"/g;
			my $element = { name => $name, has => \%has, text => '',
				parent => $open[-1] };

			push @all, $element;
			push @problems, "element $name" if !$elements{$name};
			push @problems, map { "attribute $_" } grep { !$attributes{$_} } keys %has;
			push @open, $element unless $closed || $void{$name};
		}
		elsif ($page =~ /\G([^<]+)/gc)
		{
			$_->{text} .= $1 foreach @open;
		}
		else
		{
			push @problems, 'at "' . substr($page, pos $page, 40) . '"';
			last;
		}
	}
	push @problems, map { "<$_->{name}> is not closed" } @open;
	return (\@all, @problems);
}

sub unescape
{
	my ($text) = @_;
	my %names = (lt => '<', gt => '>', amp => '&', quot => '"', nbsp => "\xa0");

	$text =~ s{&(?:#x([0-9A-F]+)|#(\d+)|(\w+));}{
		defined $1 ? chr hex $1 : defined $2 ? chr $2 : $names{$3} // '?'}ge;
	return $text;
}

# What must hold of every page.
sub page_is_sound
{
	my ($page, $name) = @_;
	my ($all, @problems) = parse($page);
	my %ids;

	is(join(', ', @problems), '', "$name: only the page's own markup, well formed");
	$ids{$_}++ foreach grep { defined } map { $_->{has}{id} } @$all;
	is(join(', ', grep { $ids{$_} > 1 } keys %ids), '', "$name: ids are unique");
	is( join(', ', grep { !$ids{$_} } map {
			my $has = $_->{has};
			grep { defined } $has->{'aria-labelledby'},
			  ($has->{href} // '') =~ /^#(.*)/ ? $1 : $has->{href}
		} @$all),
		'', "$name: links and labels lead to parts of the page");
	is(scalar(grep { $_->{name} eq 'th' && !$_->{has}{scope} } @$all), 0,
		"$name: headers of tables say what for");
	is(scalar(grep { $_->{name} eq 'table' } @$all),
		scalar(grep { $_->{name} eq 'caption' } @$all),
		"$name: tables have captions");
	return $all;
}

# A page is too long to be shown when a test fails.
sub page_like
{
	my ($page, $pattern, $name) = @_;
	ok($page =~ $pattern, $name) or diag("no match for $pattern");
	return;
}

# 1. The history of the web shop, half of it applied.
sql('CREATE DATABASE shop');
sql('CREATE EXTENSION schemamig', 'shop');
my $files = join "\n", map { slurp_file($_) } glob "$top/examples/shop/*.sql";
utf8::decode($files);
sql("SELECT schemamig_load(\$files\$$files\$files\$)", 'shop');
sql("SELECT schemamig_apply('0020_billing_paid_orders')", 'shop');
my $page = sql('SELECT schemamig_report()', 'shop');
my $all = page_is_sound($page, 'shop');

sub elements
{
	my ($name, %has) = @_;
	return grep {
		my $element = $_;
		$element->{name} eq $name
		  && !grep { ($element->{has}{$_} // '') ne $has{$_} } keys %has
	} @$all;
}

is(join(' ', map { $_->{name} } elements('header'), elements('nav'), elements('main'), elements('footer')),
	'header nav main footer', 'the page has its landmarks');
is(join(' ', map { $_->{has}{id} } elements('section')), 'graph plan drift history runs',
	'the page has its sections');
is( join(' ', map { unescape($_->{text}) =~ /(\d{4}_\w+)/ ? $1 : $_->{text} } elements('h3')),
	sql("SELECT string_agg(revision, ' ' ORDER BY seq) FROM schemamig_path()", 'shop'),
	'the plan has the revisions in the order of execution');
is( join("\n", map { unescape($_->{text}) =~ s/\n\z//r } grep { $_->{parent}{parent}{name} eq 'td' && $_->{parent}{parent}{parent}{name} eq 'tr' } elements('code')) =~ s/\s+/ /gr,
	sql("SELECT string_agg(sql, E'\\n' ORDER BY seq) FROM schemamig_plan()", 'shop') =~ s/\s+/ /gr,
	'and all statements of the plan');
my $hazards = sql(q{
	SELECT count(*) FILTER (WHERE h->>'severity' = 'error') || ' ' ||
		count(*) FILTER (WHERE h->>'severity' = 'warning') || ' ' ||
		count(*) FILTER (WHERE h->>'severity' = 'note')
	FROM schemamig_plan(), jsonb_array_elements(hazards) h}, 'shop');
my $seen = join ' ', map {
	my $severity = $_;
	scalar grep { $_->{text} eq $severity } elements('span', class => "badge $severity")
} qw(error warning note);
is($seen, $hazards, 'all hazards are there, by their colour and by their word');
page_like($page, qr/\d+ hazards of severity error/, 'the summary counts them');
is(scalar(elements('text')), 37, 'the graph shows every revision');
is(scalar(elements('circle', class => 'mark pending')), 18, 'as it stands');
my $edges = sql('SELECT sum(cardinality(parents)) FROM schemamig_history()', 'shop');
is(scalar(elements('path', class => 'edge')), $edges, 'and every parent');
page_like($page, qr/\A[\t\n\x20-\x7e]+\z/, 'the page is ASCII');

# what was changed outside of revisions
page_like($page, qr/<span class="badge good">none<\/span> The live schema is what the current revisions left/,
	'no drift is said');
sql('CREATE TABLE "<i>by hand</i>" (a int); COMMENT ON TABLE "<i>by hand</i>" IS $$</pre><script>$$', 'shop');
my $drifted = sql('SELECT schemamig_report()', 'shop');
page_is_sound($drifted, 'drift');
my $differences = sql('SELECT count(*) FROM schemamig_drift()', 'shop');
cmp_ok($differences, '>', 0, 'there is drift');
page_like($drifted, qr/<span class="badge warning">$differences differences?<\/span> Changed outside of revisions/,
	'drift is counted');
page_like($drifted, qr/CREATE TABLE public\.&quot;&lt;i&gt;by hand&lt;\/i&gt;&quot;/, 'and shown as SQL');
sql('DROP TABLE "<i>by hand</i>"', 'shop');

# the other way
my $revert = sql("SELECT schemamig_report('0013_audit_the_shop')", 'shop');
page_is_sound($revert, 'revert');
page_like($revert, qr/<h1>Revert /, 'a target below what is applied is about reverting');
page_like($revert, qr/destroys<\/span> DROP TABLE <span class="id">/, 'what would be lost is named');
page_like(sql("SELECT schemamig_report('current')", 'shop'), qr/There is nothing to do/,
	'nothing to do is no error');
page_like(sql('SELECT schemamig_report()'), qr/There are no revisions/, 'nor are no revisions');
my ($ret, $out, $err) = $node->psql('shop', "SELECT schemamig_report('nowhere')");
like($err, qr/revision "nowhere" does not exist|nowhere/, 'an unknown target is an error');

# 2. Whatever the texts are, they stay texts.
my $evil = q{"'><script>alert(1)</script><img src=x onerror=alert(2)>&lt;b&gt;<!--<svg/onload=alert(3)>]]>};
my $hidden = "\x{202e}\x{2066}\x{200b}";
my $database = q{e"'><script>alert(4)</script>};
sql(qq{CREATE DATABASE "${\($database =~ s/"/""/gr)}"});
sql(q{CREATE ROLE "<i>evil</i>" SUPERUSER});
sql(qq{
	CREATE EXTENSION schemamig;
	SET ROLE "<i>evil</i>";
	CREATE TABLE "<b>""t""</b>" (a int);
	INSERT INTO "<b>""t""</b>" SELECT generate_series(1, 10);
	ANALYZE "<b>""t""</b>";
	SELECT schemamig_revision(\$m\$${evil}Größe\$m\$, \$u\$
		-- $evil
		ALTER TABLE "<b>""t""</b>" ALTER a TYPE bigint, ADD CONSTRAINT "</pre>$hidden" CHECK (a::text <> '</code></pre><script>alert(5)</script>');
		DO \$d\$ BEGIN RAISE NOTICE '</style><script>alert(6)</script>'; END \$d\$;
		\$u\$, \$d\$SELECT '</details><script>alert(7)</script>'; DROP TABLE "<b>""t""</b>";\$d\$, 'evil', '{}', labels => '{label}');
	SELECT schemamig_revision('fails', 'SELECT "<u>none</u>"', '', 'fails', '{evil}');
}, $database);
$node->psql($database, 'SELECT schemamig_apply()');
sql(q{SELECT schemamig_revision('more', 'SELECT 1', NULL, 'more')}, $database);
$page = sql(q{SET ROLE "<i>evil</i>"; SELECT schemamig_report()}, $database);
$all = page_is_sound($page, 'evil');
page_like(unescape(join ' ', map { $_->{text} } elements('td')), qr/\Q${evil}\EGröße/, 'the message is shown as it is');
page_like($page, qr/column &quot;&lt;u&gt;none&lt;\/u&gt;&quot; does not exist/, 'so is the error of a run');
page_like($page, qr/by role <span class="id">&lt;i&gt;evil&lt;\/i&gt;<\/span>/, 'and a role');
sql(q{SELECT schemamig_stamp('more')}, $database);
$page = sql(q{SELECT schemamig_report('base')}, $database);
page_is_sound($page, 'evil reverted');
page_like($page, qr/&lt;b&gt;\&quot;\&quot;t\&quot;\&quot;&lt;\/b&gt;/, 'what would be lost is shown as it is');
page_like($page, qr/cannot be undone/, 'what cannot be undone is named');
sql(q{SELECT schemamig_stamp('base', purge => true)}, $database);
$page = sql(q{SELECT schemamig_report()}, $database);
page_is_sound($page, 'evil pending');
page_like($page, qr/\Q&lt;\/pre&gt;[U+202E][U+2066][U+200B]\E/, 'characters that hide others are shown');
ok($page !~ /[^\t\n\x20-\x7e]/, 'none is left as it is');

# a database with other characters gives the same page
sql(q{CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0});
sql(q{CREATE EXTENSION schemamig;
	SELECT schemamig_revision('Größe', 'SELECT 1', '', 'one')}, 'latin');
page_like(sql('SELECT schemamig_report()', 'latin'), qr/Gr&#xF6;&#xDF;e/, 'LATIN1 is translated');
sql(q{CREATE DATABASE bytes ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0});
sql(q{CREATE EXTENSION schemamig; SET client_encoding = 'SQL_ASCII'; SELECT schemamig_revision(E'Gr\xc3\xb6\xdf\xe9', 'SELECT 1', '', 'one')}, 'bytes');
$page = sql('SELECT schemamig_report()', 'bytes');
page_is_sound($page, 'SQL_ASCII');
page_like($page, qr/Gr&#xF6;&#xFFFD;/, 'bytes without meaning are replaced');

# 3. Who may execute it needs nothing else; what it says is as he may see it.
sql(q{CREATE ROLE reviewer; GRANT EXECUTE ON FUNCTION schemamig_report TO reviewer}, 'shop');
$page = sql('SET ROLE reviewer; SELECT schemamig_report()', 'shop');
page_is_sound($page, 'reviewer');
($ret, $out, $err) = $node->psql('shop', 'SET ROLE reviewer; SELECT count(*) FROM schemamig_plan()');
like($err, qr/permission denied/, 'the right on the page is no right on the plan');

# 4. Contrast: each colour for text against what is behind it (WCAG 2).
sub luminance
{
	my @rgb = map { hex() / 255 } $_[0] =~ /#(..)(..)(..)/;
	my ($r, $g, $b) = map { $_ <= 0.03928 ? $_ / 12.92 : (($_ + 0.055) / 1.055)**2.4 } @rgb;
	return 0.2126 * $r + 0.7152 * $g + 0.0722 * $b;
}

sub contrast
{
	my @l = sort { $b <=> $a } map { luminance($_) } @_;
	return ($l[0] + 0.05) / ($l[1] + 0.05);
}

my @themes = $page =~ /:root\{[^}]*?((?:--[\w-]+:#[0-9a-f]{6};)+)\}/g;
is(scalar @themes, 3, 'there are colours for light, dark and paper');
foreach my $theme (@themes)
{
	my %colour = $theme =~ /--([\w-]+):(#[0-9a-f]{6})/g;
	my @poor;

	foreach my $text (grep { /^on-/ } keys %colour)
	{
		my ($own) = $text =~ /^on-(.*)/;
		my @behind = ($own, $text =~ /^on-(?:page|quiet|note|good)$/ ? 'page' : ());

		push @poor, map { "$text on $_" }
		  grep { contrast($colour{$text}, $colour{$_}) < 4.5 } @behind;
	}
	is("@poor", '', 'text can be read on its background');
}
cmp_ok(contrast('#777777', '#888888'), '<', 4.5, 'the rule for contrast can fail');
my (undef, @problems) = parse('<!DOCTYPE html><p onclick="x"><script></p>');
is(scalar @problems, 4, 'the rules for markup can fail') or diag("@problems");

# 5. A browser.
my ($browser) = grep { -x } map { "$_/chromium" } split /:/, $ENV{PATH};

# Runs it on a page: what it prints.  The sandbox of its own processes is not
# to be had in many containers, and the page is ours.
sub browse
{
	my ($file, @options) = @_;
	my ($out, $err);

	local $ENV{HOME} = $dir;
	IPC::Run::run([ $browser, qw(--headless --no-sandbox --disable-gpu --disable-dev-shm-usage
			--hide-scrollbars --no-first-run --disable-background-networking), "--user-data-dir=$dir/browser",
			'--window-size=900,700', @options, "file://$file" ], '<', \undef, '>', \$out, '2>', \$err,
		IPC::Run::timeout(120));
	return $out;
}

# A picture: width, height, and rows of pixels as bytes (red, green, blue, ...).
sub read_png
{
	my ($png) = @_;
	my ($pos, $data, @header) = (8, '');

	substr($png, 0, 8) eq "\x89PNG\r\n\x1a\n" or die "no picture\n";
	while ($pos < length $png)
	{
		my ($length, $type) = unpack "\@$pos N a4", $png;

		@header = unpack 'N N C C', substr $png, $pos + 8, $length if $type eq 'IHDR';
		$data .= substr $png, $pos + 8, $length if $type eq 'IDAT';
		$pos += $length + 12;
	}
	my ($width, $height, undef, $colour) = @header;
	my $bytes = $colour == 6 ? 4 : 3;
	my (@rows, @before);

	$data = uncompress($data);
	@before = (0) x ($width * $bytes);
	foreach my $y (0 .. $height - 1)
	{
		my ($filter, @row) = unpack 'C*', substr $data, $y * ($width * $bytes + 1), $width * $bytes + 1;

		foreach my $i (0 .. $#row)
		{
			my $left = $i >= $bytes ? $row[ $i - $bytes ] : 0;
			my $up = $before[$i];
			my $corner = $i >= $bytes ? $before[ $i - $bytes ] : 0;
			my $guess = $left + $up - $corner;
			my ($a, $b, $c) = map { abs($guess - $_) } $left, $up, $corner;

			$row[$i] += (0, $left, $up, int(($left + $up) / 2),
				$a <= $b && $a <= $c ? $left : $b <= $c ? $up : $corner)[$filter];
			$row[$i] &= 255;
		}
		push @rows, [ map { "$row[$_] $row[$_+1] $row[$_+2]" } map { $_ * $bytes } 0 .. $width - 1 ];
		@before = @row;
	}
	return ($width, $height, \@rows);
}

SKIP:
{
	skip 'chromium is not installed (apt-get install chromium)', 1 unless $browser;

	my $shop = "$dir/shop.html";
	my $hostile = "$dir/evil.html";

	append_to_file($shop, sql('SELECT schemamig_report()', 'shop'));
	append_to_file($hostile, sql('SELECT schemamig_report()', $database));

	foreach ([ $shop, 'shop' ], [ $hostile, 'evil' ])
	{
		my ($file, $name) = @$_;
		my $source = slurp_file($file);
		my $dom = browse($file, '--dump-dom');
		my ($read) = parse($source);
		my %count;

		# the browser must find the same elements that were written, and no
		# others: what it adds or drops is a mistake of the page
		$count{$_->{name}}++ foreach @$read;
		foreach my $element (keys %count)
		{
			my $found = () = $dom =~ /<\Q$element\E(?=[ >])/g;
			delete $count{$element} if $found == $count{$element};
		}
		is(join(' ', %count), '', "$name: the browser sees the elements that were written");
		unlike($dom, qr/<(?:script|img|iframe|object|embed|link|base|form|b|i|u)\b|<[^>]* on\w+=/i,
			"$name: and no others");
	}

	browse($shop, "--screenshot=$dir/light.png");
	my ($width, $height, $rows) = read_png(slurp_file("$dir/light.png"));
	my %colours;

	is("$width $height", '900 700', 'the picture has the size of the window');
	$colours{$_}++ foreach map { @$_ } @$rows;
	is((sort { $colours{$b} <=> $colours{$a} } keys %colours)[0], '255 255 255', 'it is light');
	cmp_ok(scalar(keys %colours), '>', 50, 'and not empty');
	ok($colours{'251 228 228'}, 'a hazard of severity error has its colour');
	my $written = grep { my %in; $in{$_}++ foreach @$_; keys %in > 5 } @$rows;
	cmp_ok($written, '>', 200, 'there is text in most of it');

	browse($shop, '--blink-settings=preferredColorScheme=0', "--screenshot=$dir/dark.png");
	(undef, undef, $rows) = read_png(slurp_file("$dir/dark.png"));
	is($rows->[2][2], '18 22 28', 'it is dark where the reader wants it dark');

	browse($shop, '--no-pdf-header-footer', "--print-to-pdf=$dir/shop.pdf");
	my $pages = () = slurp_file("$dir/shop.pdf") =~ m{/Type\s*/Page\b}g;
	cmp_ok($pages, '>', 3, 'it can be printed');
}

$node->stop;
done_testing();
