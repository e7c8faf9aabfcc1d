#-------------------------------------------------------------------------
#
# 165_backfill_uses.pl
#	  What projects do with backfills, each on 100,000 rows or more, written
#	  as a person would write it for the whole table.
#
# The shapes are those of migrations in the field: a value from another
# column, from a first child or through a join; a split; encryption; hashing
# again; deleting what has expired, or is there twice; lookup tables; prefixes
# of paths by a key with a collation; jsonb into rows and another shape.
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Schemamig::Test;
use Test::More;
use Time::HiRes qw(time);

my $rows = $ENV{SCHEMAMIG_STRESS} ? 1000000 : 100000;
my $secret = 'k3y-0f-the-c1pher-that-nobody-may-see';
my $plain = 'pla1n-t3xt-of-a-bad-row';
my $node = new_node('backfill_uses', 'log_statement = all',
	'log_min_duration_statement = 0', 'log_min_error_statement = debug5',
	'log_min_messages = debug1', 'log_parameter_max_length = -1',
	'log_parameter_max_length_on_error = -1', 'debug_print_plan = off');
my $ctl = session($node);

$ctl->query('SET client_min_messages = warning; CREATE EXTENSION pgcrypto');

# Runs a backfill, which must give so many rows.
sub backfill
{
	my ($session, $name, $statement, $options, $expected) = @_;
	my $begin = time;
	my $got = $session->send(
		"SELECT schemamig_backfill(\$st\$$statement\$st\$, name => '$name'"
		  . ($options ? ", $options" : '') . ')');
	sleep 0.05 until $session->is_done || time - $begin > 600;
	$got = $session->wait;
	diag($session->err) if $session->err =~ /ERROR/;
	is($got, $expected, "$name: rows");
	note sprintf '%s: %.1f s', $name, time - $begin;
	return;
}

sub check
{
	my ($query, $expected, $name) = @_;
	is($ctl->query($query), $expected, $name);
	diag($ctl->err) if $ctl->err =~ /ERROR/;
	return;
}

# 1. columns from another column, from the first child, through a join
{
	$ctl->query(qq{
		CREATE TABLE account (id bigint PRIMARY KEY, email text NOT NULL, org int);
		INSERT INTO account SELECT n, 'User' || n || '\@Example.org', n % 100 FROM generate_series(1, $rows) n;
		CREATE TABLE archive (id int PRIMARY KEY, config text);
		INSERT INTO archive SELECT n FROM generate_series(1, $rows / 5) n;
		CREATE TABLE passage (id uuid PRIMARY KEY, archive int, config text, at int, account bigint, deleted boolean, org int);
		INSERT INTO passage SELECT md5(n::text)::uuid, 1 + n % ($rows / 4), 'c' || n, n, 1 + n % ($rows + 100), n % 10 = 0 FROM generate_series(1, $rows) n;
		CREATE INDEX ON passage (archive, at);
		ALTER TABLE account ADD COLUMN email_lower text;
		ANALYZE account, archive, passage});
	backfill($ctl, 'lower', 'UPDATE account SET email_lower = lower(email) WHERE email_lower IS NULL',
		"workers => 2, verify => 'SELECT count(*) = 0 FROM account WHERE email_lower IS DISTINCT FROM lower(email)'", $rows);
	backfill($ctl, 'first child', q{UPDATE archive a SET config = coalesce((SELECT p.config FROM passage p
		WHERE p.archive = a.id AND NOT p.deleted ORDER BY p.at LIMIT 1), 'default')}, undef, $rows / 5);
	check(q{SELECT count(*) FROM archive a LEFT JOIN LATERAL (SELECT p.config FROM passage p
		WHERE p.archive = a.id AND NOT p.deleted ORDER BY p.at LIMIT 1) f ON true
		WHERE a.config IS DISTINCT FROM coalesce(f.config, 'default')}, 0, 'first child: each archive has its own');

	# accounts that are gone are what breaks SET NOT NULL later
	$ctl->send(q{SELECT schemamig_backfill('UPDATE passage p SET org = a.org FROM account a WHERE a.id = p.account',
		name => 'join', verify => 'SELECT bool_and(org IS NOT NULL) FROM passage')});
	sleep 0.05 until $ctl->is_done;
	like($ctl->err, qr/ERROR:  P0004: verification of backfill "join" failed/, 'join: rows without partner are found');
	$ctl->query('DELETE FROM passage p WHERE NOT EXISTS (SELECT FROM account a WHERE a.id = p.account)');
	backfill($ctl, 'join', 'UPDATE passage p SET org = a.org FROM account a WHERE a.id = p.account',
		"verify => 'SELECT bool_and(org IS NOT NULL) FROM passage'",
		$ctl->query("SELECT rows_done FROM schemamig.backfill WHERE name = 'join'"));
	check('SELECT count(*) FROM passage p JOIN account a ON a.id = p.account WHERE p.org <> a.org', 0, 'join: right values');
}

# 2. a table split in two, while the application moves rows as well
{
	$ctl->query(qq{
		CREATE TABLE mixed (id bigint PRIMARY KEY, source int, body text);
		INSERT INTO mixed SELECT n, CASE WHEN n % 3 = 0 THEN n END, 'text ' || n FROM generate_series(1, $rows) n;
		CREATE TABLE of_source (id bigint PRIMARY KEY, source int NOT NULL, body text);
		INSERT INTO of_source SELECT id, source, 'moved by the application' FROM mixed WHERE id % 300 = 0});
	my ($third, $moved) = (int($rows / 3), int($rows / 300));
	backfill($ctl, 'split', 'INSERT INTO of_source SELECT id, source, body FROM mixed WHERE source IS NOT NULL ON CONFLICT (id) DO NOTHING',
		undef, $third - $moved);
	backfill($ctl, 'split, delete', 'DELETE FROM mixed m USING of_source s WHERE s.id = m.id',
		"verify => 'SELECT count(*) = 0 FROM mixed WHERE source IS NOT NULL'", $third);
	check(q{SELECT (SELECT count(*) FROM mixed), count(*), count(*) FILTER (WHERE body ~ 'application'), sum(source) = sum(id) FROM of_source},
		($rows - $third) . "|$third|$moved|t", 'split: every row is in one of the two');
}

# 3. encryption: the key is in a setting of the connection
{
	my $keyed = session($node, connection => " options='-c app.key=$secret'");
	my $expected = $rows - 3;

	$ctl->query(qq{
		CREATE TABLE provider (id bigint PRIMARY KEY, api_key text, api_key_enc bytea);
		INSERT INTO provider SELECT n, format('{"token": "sk-%s"}', n) FROM generate_series(1, $rows) n});
	# not by a statement of this session: it would be in the log
	run_log([ $node->installed_command('psql'), '-Xqd', $node->connstr('postgres') . " options='-c log_statement=none -c log_min_duration_statement=-1'",
		'-c', "UPDATE provider SET api_key = '$plain' WHERE id IN (7, 1001, $rows)" ]);
	my $statement = q{UPDATE provider SET api_key_enc =
		pgp_sym_encrypt(api_key::jsonb ->> 'token', current_setting('app.key'), 's2k-mode=1')
		WHERE api_key IS NOT NULL AND api_key_enc IS NULL};
	my $verify = q{SELECT count(*) = 0 FROM provider WHERE id NOT IN (SELECT key[1]::bigint FROM schemamig.backfill_error WHERE name = 'encrypt')
		AND pgp_sym_decrypt(api_key_enc, current_setting('app.key')) IS DISTINCT FROM api_key::jsonb ->> 'token'};
	my $options = "workers => 2, on_error => 'skip', verify => \$v\$$verify\$v\$";

	$keyed->query('SET client_min_messages = warning');
	backfill($keyed, 'encrypt', $statement, $options, $expected);
	check(q{SELECT key[1], sqlstate, message FROM schemamig.backfill_error ORDER BY key[1]::bigint},
		join("\n", map { "$_|22P02|invalid input syntax for type json" } 7, 1001, $rows),
		'encrypt: bad rows are kept aside');
	$keyed->query(q{SELECT count(*) FROM provider WHERE pgp_sym_decrypt(api_key_enc, current_setting('app.key')) LIKE 'sk-%'});
	check('SELECT count(*) FROM provider WHERE api_key_enc IS NULL', 3, 'encrypt: no other row was left out');

	# without the key nothing is written
	$ctl->query(q{UPDATE provider SET api_key = '{"token": "late"}' WHERE id IN (7, 1001)});
	$ctl->query("SELECT schemamig_backfill(\$st\$$statement\$st\$, name => 'encrypt', $options)");
	like($ctl->err, qr/unrecognized configuration parameter "app.key"/, 'encrypt: another session lacks the key');
	check('SELECT count(*) FROM provider WHERE api_key_enc IS NULL', 3, 'encrypt: and changes nothing');
	backfill($keyed, 'encrypt', $statement, $options, $expected + 2);
	check('SELECT key FROM schemamig.backfill_error', "{$rows}", 'encrypt: repaired rows are done by the second call');

	# a verification that can fail: one row in plain text is noticed
	$ctl->query('UPDATE provider SET api_key_enc = pgp_sym_encrypt(\'other\', \'x\') WHERE id = 2');
	$keyed->query("SELECT schemamig_backfill(\$st\$$statement\$st\$, name => 'encrypt', $options)");
	like($keyed->err, qr/ERROR: /, 'encrypt: a row that does not decrypt is noticed');
	unlike($keyed->err, qr/\Q$secret\E|\Q$plain\E/, 'encrypt: errors show neither key nor data');

	my $log = slurp_file($node->logfile);
	cmp_ok(length $log, '>', 10000, 'the server logs a lot');
	unlike($log, qr/\Q$secret\E/, 'encrypt: the key is not in the server log');
	unlike($log, qr/\Q$plain\E/, 'encrypt: nor is the text of a bad row');
	foreach my $table (qw(log backfill backfill_error backfill_range run))
	{
		my $found = $ctl->query("SELECT count(*) FROM schemamig.$table x WHERE x::text LIKE '%k3y-0f-%'");
		is($found, 0, "encrypt: the key is not in schemamig.$table") unless $ctl->err =~ /does not exist/;
	}
	$keyed->close;
}

# 4. hashes: again with another algorithm, and into a lookup table
{
	$ctl->query(qq{
		CREATE TABLE login (id bigint PRIMARY KEY, token text, kind text DEFAULT 'md5', agent text, agent_id bytea);
		INSERT INTO login SELECT n, md5(n::text), 'md5', 'agent ' || n % 50 FROM generate_series(1, $rows) n;
		CREATE TABLE agent (id bytea PRIMARY KEY, name text UNIQUE)});
	backfill($ctl, 'rehash', q{UPDATE login SET token = encode(digest('salt' || token, 'sha256'), 'hex'), kind = 'sha256' WHERE kind = 'md5'},
		q{verify => $$SELECT count(*) = 0 FROM login WHERE kind = 'md5'$$}, $rows);
	check(q{SELECT count(*) FROM login WHERE token <> encode(digest('salt' || md5(id::text), 'sha256'), 'hex')}, 0, 'rehash: each once');
	backfill($ctl, 'lookup', q{INSERT INTO agent SELECT digest(agent, 'sha256'), agent FROM login ON CONFLICT DO NOTHING}, undef, 50);
	backfill($ctl, 'lookup, ids', q{UPDATE login l SET agent_id = a.id FROM agent a WHERE a.name = l.agent}, undef, $rows);
	check('SELECT count(*), count(DISTINCT agent_id) FROM login', "$rows|50", 'lookup: every row refers to one');
}

# 5. deleting: what has expired, and what is there twice
{
	$ctl->query(qq{
		CREATE TABLE event (id bigint PRIMARY KEY, kind text, at timestamptz, body text);
		INSERT INTO event SELECT n, 'k' || n % 2, timestamptz '2026-01-01' + n * interval '1 min', 'x' FROM generate_series(1, $rows) n;
		CREATE TABLE retention (kind text PRIMARY KEY, until timestamptz);
		INSERT INTO retention VALUES ('k0', timestamptz '2026-01-01' + $rows / 2 * interval '1 min');
		CREATE TABLE twice (id bigint PRIMARY KEY, name text);
		INSERT INTO twice SELECT n, 'name ' || n % ($rows * 4 / 5) FROM generate_series(1, $rows) n;
		CREATE INDEX ON twice (name);
		ANALYZE event, twice});
	backfill($ctl, 'expired', 'DELETE FROM event e USING retention r WHERE r.kind = e.kind AND e.at <= r.until', 'workers => 2', $rows / 4);
	check(q{SELECT count(*), count(*) FILTER (WHERE kind = 'k0'), bool_and(at > timestamptz '2026-01-01' + } . $rows / 2 . q{ * interval '1 min') FILTER (WHERE kind = 'k0') FROM event},
		$rows * 3 / 4 . '|' . $rows / 4 . '|t', 'expired: those and no others');
	backfill($ctl, 'duplicates', 'DELETE FROM twice t USING twice o WHERE o.name = t.name AND o.id < t.id', undef, $rows / 5);
	check('CREATE UNIQUE INDEX ON twice (name); SELECT count(*), max(id) < ' . $rows . ' FROM twice', $rows * 4 / 5 . '|t', 'duplicates: the first of each stays');
}

# 6. prefixes of object names, by a key of two columns with a collation
{
	$ctl->query(qq{
		CREATE TABLE object (bucket text, name text COLLATE "C", PRIMARY KEY (name, bucket));
		INSERT INTO object SELECT 'b' || n % 3, format('dir%s/Sub%s/ä file %s', n % 100, n % 700, n) FROM generate_series(1, $rows) n;
		CREATE TABLE prefix (bucket text, name text COLLATE "C", level int, PRIMARY KEY (bucket, name))});
	$ctl->send(q{SELECT schemamig_backfill($$INSERT INTO prefix
		SELECT o.bucket, p, length(p) - length(replace(p, '/', '')) + 1
		FROM object o, unnest(ARRAY[split_part(o.name, '/', 1), split_part(o.name, '/', 1) || '/' || split_part(o.name, '/', 2)]) AS p
		ON CONFLICT DO NOTHING$$, workers => 2)});
	sleep 0.05 until $ctl->is_done;
	check(q{SELECT count(*) FROM (
		(SELECT DISTINCT bucket, split_part(name, '/', 1) FROM object UNION SELECT DISTINCT bucket, split_part(name, '/', 1) || '/' || split_part(name, '/', 2) FROM object)
		EXCEPT SELECT bucket, name FROM prefix) x}, 0, 'prefixes: none is missing');
	check(q{SELECT count(*) > 1000, count(DISTINCT level) FROM prefix}, 't|2', 'prefixes: of both levels');
}

# 7. jsonb: into rows, and into another shape
{
	$ctl->query(qq{
		CREATE TABLE doc (id bigint PRIMARY KEY, d jsonb);
		INSERT INTO doc SELECT n, jsonb_build_object('n', n, 'tags', jsonb_build_array('a' || n % 5, 'b', 'b'), 'colour', 'c' || n % 3) FROM generate_series(1, $rows) n;
		CREATE TABLE tag (doc bigint, tag text, PRIMARY KEY (doc, tag))});
	backfill($ctl, 'jsonb to rows', q{INSERT INTO tag SELECT doc.id, t FROM doc, jsonb_array_elements_text(doc.d -> 'tags') AS t ON CONFLICT DO NOTHING}, undef, 2 * $rows);
	backfill($ctl, 'jsonb', q{UPDATE doc SET d = (d - 'tags' - 'colour') || jsonb_build_object('theme', jsonb_build_object('colour', d -> 'colour')) WHERE d ? 'tags'},
		q{verify => $$SELECT count(*) = 0 FROM doc WHERE d ? 'tags'$$}, $rows);
	check(q{SELECT count(*) FROM doc WHERE d = jsonb_build_object('n', id, 'theme', jsonb_build_object('colour', 'c' || id % 3))}, $rows, 'jsonb: every document');
	check(q{SELECT count(*) FROM doc WHERE NOT EXISTS (SELECT FROM tag WHERE doc = id AND tag = 'a' || id % 5)}, 0, 'jsonb to rows: every tag');
}

# 8. int to bigint by a second column, while the application writes
{
	my @apps = map { session($node) } 1 .. 2;
	my $caller = session($node);
	my $page = slurp_file('doc/backfill-recipes.md');
	my ($section) = $page =~ /^## From int to bigint\n(.*)\z/ms;
	my @blocks = $section =~ /^```sql\n(.*?)^```/msg;
	my ($inserted, $updated) = (0, 0);

	# the recipe as it is written, on more rows
	my $setup = shift @blocks;
	$setup =~ s/\b3000\b/$rows/g;
	$setup =~ s/\b6000\b/$rows * 2/eg;
	$caller->query("SET client_min_messages = warning; $setup");
	$caller->query($_) foreach splice @blocks, 0, 3;
	is($caller->err, '', 'int to bigint: the recipe is accepted');
	$caller->send('SELECT revision FROM schemamig_apply(allow_destructive => true)');
	until ($caller->is_done)
	{
		next unless $apps[0]->is_done;
		die $apps[0]->err if $apps[0]->err =~ /ERROR/ && $apps[0]->err !~ /cached plan/;
		$apps[0]->send('INSERT INTO orders (total) VALUES (-1); UPDATE orders SET total = -2 WHERE id = '
			  . (1 + int rand $rows));
		$inserted++;
		if ($apps[1]->is_done)
		{
			$apps[1]->send('UPDATE orders SET total = total WHERE id = ' . (1 + int rand $rows));
			$updated++;
		}
		sleep 0.01;
	}
	my $done = $caller->wait;
	$_->wait foreach @apps;
	is($done, "big_columns\nbig_filled\nbig_swapped\nbig_done", 'int to bigint: done');
	is($caller->err, '', 'int to bigint: without a word');
	is(join('', map { $_->err } @apps), '', 'int to bigint: the application saw no error');
	cmp_ok($inserted, '>', 5, "int to bigint: it inserted ($inserted) and updated ($updated) meanwhile");
	check('SELECT count(*), count(DISTINCT id), min(id), max(id), pg_typeof(max(id)) FROM orders',
		join('|', $rows + $inserted, $rows + $inserted, 1, $rows + $inserted, 'bigint'), 'int to bigint: every row has its number');
	check('SELECT count(*) FROM line l JOIN orders o ON o.id = l.order_id', $rows * 2, 'int to bigint: every line its order');
	check(q{SELECT string_agg(a.attname || ' ' || a.atttypid::regtype || ' ' || a.attnotnull, ', ' ORDER BY a.attrelid::regclass::text, a.attname)
		FROM pg_attribute a WHERE a.attrelid IN ('orders'::regclass, 'line'::regclass) AND a.attname ~ 'id' AND attnum > 0 AND NOT attisdropped},
		'id bigint true, order_id bigint true, id bigint true', 'int to bigint: nothing of the old is left');
	check(q{SELECT count(*), bool_and(convalidated) FROM pg_constraint WHERE conname IN ('orders_pkey', 'line_order_id_fkey')}, '2|t', 'int to bigint: constraints are back');
}

nothing_left($ctl, 'in the end');
$node->stop;
done_testing();
