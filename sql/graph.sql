--
-- The revision graph: what is refused, order, heads, history, drawing
--
\pset null '(null)'
-- Revisions are written straight into the table, as a damaged or restored
-- database could hold them.
CREATE FUNCTION pg_temp.rev(id text, parents text[] DEFAULT '{}', depends_on text[] DEFAULT '{}', labels text[] DEFAULT '{}', message text DEFAULT '')
RETURNS void LANGUAGE sql AS $$
	INSERT INTO schemamig.revision (id, message, parents, depends_on, labels, up, down, checksum, created_by)
	VALUES (id, message, parents, depends_on, labels, '', '', 'sum of ' || id, 'regress');
$$;
CREATE FUNCTION pg_temp.clear() RETURNS void LANGUAGE sql AS $$
	TRUNCATE schemamig.revision, schemamig.applied, schemamig.step;
$$;

-- an empty graph is no error
SELECT * FROM schemamig_path('head');
SELECT * FROM schemamig_path('heads');
SELECT * FROM schemamig_path('base', 'revert');
SELECT * FROM schemamig_current();
SELECT * FROM schemamig_heads();
SELECT * FROM schemamig_branches();
SELECT * FROM schemamig_history();
SELECT schemamig_graph();
SELECT schemamig_graph('mermaid');
SELECT schemamig_graph('dot');
SELECT * FROM schemamig_stamp('head');

-- parents and dependencies must exist
SELECT pg_temp.rev('a'), pg_temp.rev('b', '{a,gone}');
SELECT * FROM schemamig_heads();
UPDATE schemamig.revision SET parents = '{a}', depends_on = '{absent}' WHERE id = 'b';
SELECT * FROM schemamig_heads();
-- a label is no parent, but it may be depended on
UPDATE schemamig.revision SET labels = '{first}' WHERE id = 'a';
UPDATE schemamig.revision SET parents = '{first}', depends_on = '{}' WHERE id = 'b';
SELECT * FROM schemamig_heads();
UPDATE schemamig.revision SET parents = '{}', depends_on = '{first}' WHERE id = 'b';
SELECT revision, parents, depends_on FROM schemamig_history();

-- labels are unique, among each other and among ids
UPDATE schemamig.revision SET labels = '{first}' WHERE id = 'b';
SELECT * FROM schemamig_heads();
UPDATE schemamig.revision SET labels = '{twice,twice}' WHERE id = 'b';
SELECT * FROM schemamig_heads();
UPDATE schemamig.revision SET labels = '{a}' WHERE id = 'b';
SELECT * FROM schemamig_heads();
UPDATE schemamig.revision SET labels = '{b}' WHERE id = 'b';
SELECT * FROM schemamig_heads();

-- loops and cycles name their members, and nobody who only follows them
UPDATE schemamig.revision SET labels = '{}', parents = '{b}', depends_on = '{}' WHERE id = 'b';
SELECT * FROM schemamig_heads();
UPDATE schemamig.revision SET parents = '{}', depends_on = '{b}' WHERE id = 'b';
SELECT * FROM schemamig_heads();
UPDATE schemamig.revision SET labels = '{self}', depends_on = '{self}' WHERE id = 'b';
SELECT * FROM schemamig_heads();
SELECT pg_temp.clear();
SELECT pg_temp.rev('x', '{z}'), pg_temp.rev('y', '{x}'), pg_temp.rev('z', '{y}'), pg_temp.rev('behind', '{x}');
SELECT * FROM schemamig_heads();
UPDATE schemamig.revision SET parents = '{}', depends_on = '{z}' WHERE id = 'x';
SELECT * FROM schemamig_heads();
SELECT pg_temp.clear();
SELECT count(pg_temp.rev('r' || i, ARRAY['r' || (i + 1) % 20000])) FROM generate_series(0, 19999) i;
SELECT * FROM schemamig_heads();

-- a parent named twice, and a parent that is a dependency too, count once
SELECT pg_temp.clear();
SELECT pg_temp.rev('a'), pg_temp.rev('b', '{a,a}', '{a}'), pg_temp.rev('c', '{b}', '{b,a}');
SELECT * FROM schemamig_path();
SELECT revision, parents, depends_on FROM schemamig_history();
SELECT schemamig_graph('mermaid');

-- a chain much deeper than any stack, in the wrong order of creation
SELECT pg_temp.clear();
SELECT count(pg_temp.rev('r' || i, CASE WHEN i > 1 THEN ARRAY['r' || i - 1] ELSE '{}' END))
FROM (SELECT i FROM generate_series(1, 20000) i ORDER BY i DESC) r;
SELECT count(*), bool_and(revision = 'r' || seq) AS in_order FROM schemamig_path();
SELECT * FROM schemamig_stamp('head');
SELECT count(*), bool_and(revision = 'r' || 20001 - seq) AS in_order FROM schemamig_path('base', 'revert');
SELECT * FROM schemamig_resolve('-19999');
SELECT length(schemamig_graph());

-- of independent revisions the one created first comes first; reverting is
-- the exact reverse
SELECT pg_temp.clear();
SELECT pg_temp.rev('m', '{k,l}'), pg_temp.rev('l'), pg_temp.rev('k'), pg_temp.rev('b'), pg_temp.rev('a', '{}', '{m}');
SELECT string_agg(revision, ' ' ORDER BY seq) FROM schemamig_path('heads');
SELECT * FROM schemamig_stamp('heads');
SELECT string_agg(revision, ' ' ORDER BY seq) FROM schemamig_path('base', 'revert');

-- a realistic graph: two branches and their merge, another tree, dependencies
SELECT pg_temp.clear();
SELECT pg_temp.rev('1000', message => 'create the users'),
	pg_temp.rev('1001', '{1000}', message => 'create the orders'),
	pg_temp.rev('1100', '{1001}', labels => '{billing}', message => 'add invoices'),
	pg_temp.rev('1101', '{1100}', message => 'add "payments"'),
	pg_temp.rev('1200', '{1001}', labels => '{search,lookup}', message => E'add search\nwith a second line'),
	pg_temp.rev('1201', '{1200}', '{1100}', message => E'index\tinvoices & <more>'),
	pg_temp.rev('2000', labels => '{reports}'),
	pg_temp.rev('2001', '{2000}', '{billing}', message => 'report of invoices'),
	pg_temp.rev('1300', '{1101,1201}', message => 'merge'),
	pg_temp.rev('1301', '{1300}'),
	pg_temp.rev('1302', '{1300}'),
	pg_temp.rev('1303', '{1300}'),
	pg_temp.rev('1400', '{1301,1302,1303}', message => 'merge three');
INSERT INTO schemamig.step (revision, direction, step, kind, state, checksum) VALUES ('1101', 'apply', 1, 'transaction', 'done', '');
SELECT * FROM schemamig_stamp('1201');
SELECT * FROM schemamig_heads();
SELECT * FROM schemamig_heads(effective => true);
SELECT * FROM schemamig_branches();
SELECT revision, message, applied_at <= clock_timestamp() AS applied_at, applied_by = current_user AS applied_by FROM schemamig_current();
SELECT revision, parents, depends_on, labels, state, is_head, is_current,
	created_at IS NOT NULL AS created, applied_at IS NOT NULL AS applied
FROM schemamig_history();
SELECT schemamig_graph();
SELECT schemamig_graph('mermaid');
SELECT schemamig_graph(format => 'dot');
SELECT schemamig_graph('svg');
SELECT schemamig_graph(NULL);
SELECT schemamig_heads(NULL);

-- odd names are drawn as they are; what would disturb the drawing is not
SELECT pg_temp.clear();
SELECT pg_temp.rev('We"ird\Näme;<b>#&'), pg_temp.rev('名前', '{"We\"ird\\Näme;<b>#&"}', message => E'a\rb'),
	pg_temp.rev('tab', '{}', message => E'a\x01b\tc');
SELECT schemamig_graph();
SELECT schemamig_graph('mermaid');
SELECT schemamig_graph('dot');

-- lanes: crossing, long strokes to either side, dotted dependencies
SELECT pg_temp.clear();
SELECT pg_temp.rev('a'), pg_temp.rev('b'), pg_temp.rev('c'), pg_temp.rev('d'),
	pg_temp.rev('a1', '{a}', '{d}'), pg_temp.rev('b1', '{b,d}'), pg_temp.rev('c1', '{c}', '{a}'),
	pg_temp.rev('d1', '{d}'), pg_temp.rev('e', '{d1}', '{a1,c1}'), pg_temp.rev('f', '{b1,a1}'), pg_temp.rev('g', '{c1,a1,d1}');
SELECT schemamig_graph();

SELECT pg_temp.clear();
