--
-- The file format: what schemamig_load reads and schemamig_export writes
--
\set QUIET on
\pset format unaligned
\pset tuples_only on

CREATE FUNCTION pg_temp.clear() RETURNS void LANGUAGE sql AS $$
	TRUNCATE schemamig.revision, schemamig.applied, schemamig.step;
$$;

\echo == a file as a person writes it
SELECT * FROM schemamig_load('
-- The first file of our history.
/* Blank lines and comments may stand
   -- schemamig
   among headers. */

-- schemamig:revision 0335b1eb9c40
-- schemamig:message   add batch_item_id to messages
-- an ordinary comment
-- schemamig:parents
-- schemamig:labels billing,shop  web

-- schemamig:up

ALTER TABLE messages ADD COLUMN batch_item_id text;

-- a comment of the script


-- schemamig:down
ALTER TABLE messages DROP COLUMN batch_item_id;
');
SELECT id, message, parents, depends_on, labels, '[' || up || ']', '[' || down || ']', up_transaction, down_transaction FROM schemamig.revision;
SELECT schemamig_export('0335');

\echo == several in one text, in any order, headers in any order
SELECT * FROM schemamig_load('
-- schemamig:revision c
-- schemamig:parents b
-- schemamig:depends_on billing
-- schemamig:up transaction=none
VACUUM;
-- schemamig:down transaction=revision
-- schemamig:message the second
-- schemamig:parents a
-- schemamig:revision b
-- schemamig:down
-- schemamig:up
SELECT 2;
-- schemamig:revision a
-- schemamig:parents 0335b1eb9c40
-- schemamig:labels lib
-- schemamig:up
-- schemamig:revision d
-- schemamig:parents lib c
-- schemamig:up
SELECT ''no line end''');
SELECT id, message, parents, depends_on, labels, '[' || up || ']', '[' || down || ']', up_transaction, down_transaction FROM schemamig.revision ORDER BY ordinal;

\echo == the same again is nothing new
CREATE TEMP TABLE before AS SELECT * FROM schemamig.revision;
SELECT * FROM schemamig_load(schemamig_export('b') || schemamig_export('c'));
SELECT * FROM schemamig_load(E'-- schemamig:revision c\n-- schemamig:depends_on 0335b1eb9c40\n-- schemamig:up transaction=none\nVACUUM;\n-- schemamig:down');
SELECT count(*) FROM (TABLE before EXCEPT TABLE schemamig.revision) x;

\echo == other content replaces what is not applied
SELECT * FROM schemamig_load(replace(schemamig_export('b'), 'SELECT 2', 'SELECT 22'));
SELECT id, up, ordinal = (SELECT ordinal FROM before WHERE id = 'b') FROM schemamig.revision r WHERE id = 'b';
SELECT r.checksum <> b.checksum, r.created_at > b.created_at FROM schemamig.revision r JOIN before b USING (id) WHERE id = 'b';
-- its parents, too
SELECT * FROM schemamig_load(replace(schemamig_export('d'), 'parents a, c', 'parents c'));
SELECT parents FROM schemamig.revision WHERE id = 'd';

\echo == but not what is applied, and then nothing else of the text either
SELECT * FROM schemamig_stamp('b');
SELECT * FROM schemamig_load(schemamig_export('c') || E'-- schemamig:revision e\n-- schemamig:parents d\n-- schemamig:up\n'
	|| E'-- schemamig:revision b\n-- schemamig:message the  second\n-- schemamig:labels new\n-- schemamig:depends_on 0335b1eb9c40\n-- schemamig:up transaction=none\nSELECT 22; -- changed\n');
SELECT id FROM schemamig.revision WHERE id = 'e';
-- identical content of an applied revision is no change
SELECT * FROM schemamig_load(schemamig_export('b') || E'-- schemamig:revision e\n-- schemamig:parents d\n-- schemamig:up\n');

\echo == without parents: the single head, or those it has already
SELECT pg_temp.clear();
SELECT * FROM schemamig_load(E'-- schemamig:revision first\n-- schemamig:up\n');
SELECT * FROM schemamig_load(E'-- schemamig:revision second\n-- schemamig:up\n');
SELECT * FROM schemamig_load(E'-- schemamig:revision first\n-- schemamig:up\nSELECT 1;');
SELECT id, parents, up FROM schemamig.revision ORDER BY ordinal;
SELECT * FROM schemamig_load(E'-- schemamig:revision third\n-- schemamig:up\n-- schemamig:revision fourth\n-- schemamig:up\n');
SELECT count(*) FROM schemamig.revision;

\echo == CR LF, and a byte order mark in front of each of two files
SELECT pg_temp.clear();
SELECT * FROM schemamig_load(replace(U&'\FEFF-- schemamig:revision dos
-- schemamig:message with line ends of its own
-- schemamig:parents

-- schemamig:up
SELECT 1;
SELECT 2;

-- schemamig:down exact

SELECT 3;

' || U&'\FEFF-- schemamig:revision mac
-- schemamig:parents dos
-- schemamig:up
', E'\n', E'\r\n'));
SELECT id, message, to_json(up), to_json(down) FROM schemamig.revision ORDER BY ordinal;
SELECT r.id, l = r.id FROM schemamig.revision r, schemamig_load(schemamig_export(r.id)) l ORDER BY 1;

-- other line ends are another text
SELECT * FROM schemamig_stamp('dos');
SELECT * FROM schemamig_load(replace(schemamig_export('dos'), E'\r', ''));

\echo == lines that look like headers
SELECT pg_temp.clear();
SELECT schemamig_revision('', $x$INSERT INTO t VALUES ('
-- schemamig:down
  --schemamig:nonsense
--- schemamig:up
')$x$, NULL, 'tricky');
SELECT schemamig_export('tricky');
SELECT * FROM schemamig_load(schemamig_export('tricky'));
SELECT up FROM schemamig.revision;
-- directives of the script stay where they are
SELECT schemamig_replace('tricky', E'-- schemamig:ignore some-rule\nSELECT 1', NULL);
SELECT schemamig_export('tricky');

\echo == load(export(x)) is x, whatever the scripts are
SELECT pg_temp.clear();
DO $$
DECLARE
	pieces text[] := ARRAY['', E'\n', 'SELECT 1;', ' ', E'\r', E'\t', E'''\n-- schemamig:up\n''', E'''\n--- schemamig:up exact\n''',
		E'-- schemamig:ignore-file a', '--', 'SELECT ''é'';', E'/*\uFEFF*/', E'''\n-- schemamig:revision x\n''', '/* */', E'\r\n', E'\\'];
	before schemamig.revision;
	after schemamig.revision;
	trip integer := 0;
	body text;
	file text;
BEGIN
	FOR i IN 1 .. array_length(pieces, 1) LOOP
		FOR j IN 1 .. array_length(pieces, 1) LOOP
			FOR k IN 1 .. 4 LOOP
				body := pieces[i] || pieces[j] || pieces[k] || pieces[i];
				-- what the parser refuses, or takes for a directive, is put into a literal
				BEGIN
					PERFORM schemamig_revision('m', body, CASE k WHEN 1 THEN NULL WHEN 2 THEN '' ELSE E'\n' || pieces[j] END, 'x', '{}');
				EXCEPTION WHEN syntax_error OR feature_not_supported THEN
					BEGIN
						PERFORM schemamig_revision('m', pieces[k] || 'SELECT $x$' || replace(body, '$', '') || '$x$' || pieces[i], NULL, 'x', '{}');
					EXCEPTION WHEN syntax_error THEN
						CONTINUE;
					END;
				END;
				SELECT * INTO STRICT before FROM schemamig.revision;
				file := schemamig_export('x');
				-- again, into a database that does not have it, with another one behind
				PERFORM schemamig_remove('x');
				PERFORM schemamig_load(file || E'-- schemamig:revision y\n-- schemamig:parents x\n-- schemamig:up\n');
				SELECT * INTO STRICT after FROM schemamig.revision WHERE id = 'x';
				before.ordinal := after.ordinal;
				before.created_at := after.created_at;
				IF before IS DISTINCT FROM after THEN
					RAISE EXCEPTION 'not the same: % became %', to_json(before), to_json(after);
				END IF;
				IF schemamig_export('x') <> file THEN
					RAISE EXCEPTION 'not the same file: %', to_json(file);
				END IF;
				trip := trip + 1;
				DELETE FROM schemamig.revision;
			END LOOP;
		END LOOP;
	END LOOP;
	IF trip < 700 THEN
		RAISE EXCEPTION 'only % scripts could be stored', trip;
	END IF;
END;
$$;

\echo == a thousand at once, children first
SELECT count(*) FROM schemamig_load((SELECT string_agg(format(E'-- schemamig:revision r%s\n-- schemamig:parents %s\n-- schemamig:up\nCREATE TABLE t%s ();\n', i, 'r' || nullif(i - 1, 0), i), '' ORDER BY i DESC) FROM generate_series(1, 1000) i));
SELECT revision FROM schemamig_heads();
SELECT count(*), min(id), max(ordinal) - min(ordinal) FROM schemamig.revision;

SELECT pg_temp.clear();
