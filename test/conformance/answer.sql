-- Answers one case of the conformance test; see test/t/010_graph_conformance.pl.
SET client_min_messages = warning;

-- Ids of the revisions that "ids" need, themselves included, by the tables
-- alone.
CREATE FUNCTION pg_temp.closed(ids text[]) RETURNS SETOF text
LANGUAGE sql AS $$
	WITH RECURSIVE need(id) AS (
		SELECT unnest(ids) COLLATE "C"
		UNION
		SELECT coalesce(l.id, p.name) COLLATE "C"
		FROM need n
			JOIN schemamig.revision r ON r.id = n.id,
			unnest(r.parents || r.depends_on) p (name)
			LEFT JOIN schemamig.revision l ON p.name = ANY (l.labels)
	)
	SELECT id FROM need
$$;

CREATE FUNCTION pg_temp.set_applied(ids text[]) RETURNS void
LANGUAGE sql AS $$
	DELETE FROM schemamig.applied;
	INSERT INTO schemamig.applied (revision, applied_by, checksum)
	SELECT id, 'test', '' FROM pg_temp.closed(ids) id;
$$;

CREATE FUNCTION pg_temp.path(q jsonb) RETURNS text[]
LANGUAGE sql AS $$
	SELECT coalesce(array_agg(revision ORDER BY seq), '{}')
	FROM schemamig_path(q->>'to', q->>'direction')
$$;

-- Executes a path by name; what is left must be closed.
CREATE FUNCTION pg_temp.execute(steps text[], direction text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF direction = 'apply' THEN
		INSERT INTO schemamig.applied (revision, applied_by, checksum)
		SELECT unnest(steps), 'test', '';
	ELSE
		DELETE FROM schemamig.applied WHERE revision = ANY (steps);
	END IF;
	IF EXISTS (SELECT id FROM pg_temp.closed(ARRAY(SELECT revision FROM schemamig.applied)) id
			EXCEPT SELECT revision FROM schemamig.applied) THEN
		RAISE 'the applied set is not closed after % of %', direction, steps
			USING ERRCODE = 'XX000';
	END IF;
END
$$;

CREATE FUNCTION pg_temp.current() RETURNS text[]
LANGUAGE sql AS $$
	SELECT coalesce(array_agg(revision), '{}') FROM schemamig_current()
$$;

CREATE FUNCTION pg_temp.load(revisions jsonb) RETURNS void
LANGUAGE sql AS $$
	INSERT INTO schemamig.revision (id, message, parents, depends_on, labels, up, down, checksum, created_by)
	SELECT r->>'id', '', ARRAY(SELECT jsonb_array_elements_text(r->'down')),
		ARRAY(SELECT jsonb_array_elements_text(r->'depends_on')),
		ARRAY(SELECT jsonb_array_elements_text(r->'labels')), '', '', '', 'test'
	FROM jsonb_array_elements(revisions) WITH ORDINALITY e (r, n) ORDER BY n;
$$;

-- The same through the public function, as files.
CREATE FUNCTION pg_temp.load_files(revisions jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	source text;
BEGIN
	SELECT string_agg(concat(
			E'-- schemamig:revision ', r->>'id', E'\n',
			'-- schemamig:parents ', array_to_string(ARRAY(SELECT jsonb_array_elements_text(r->'down')), ', '), E'\n',
			E'-- schemamig:depends_on ' || nullif(array_to_string(ARRAY(SELECT jsonb_array_elements_text(r->'depends_on')), ', '), '') || E'\n',
			E'-- schemamig:labels ' || nullif(array_to_string(ARRAY(SELECT jsonb_array_elements_text(r->'labels')), ', '), '') || E'\n',
			E'-- schemamig:up\nSELECT 1;\n-- schemamig:down\nSELECT 1;\n\n'), '' ORDER BY n)
	INTO source
	FROM jsonb_array_elements(revisions) WITH ORDINALITY e (r, n);
	PERFORM schemamig_load(source);
END
$$;

CREATE FUNCTION pg_temp.answer_path(q jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
	steps text[] := pg_temp.path(q);
	listed text[] := steps;
BEGIN
	-- the order is the same whatever the order of the rows
	UPDATE schemamig.revision SET message = 'moved' WHERE id = ANY (steps);
	IF pg_temp.path(q) <> steps THEN
		RETURN '{"unstable": true}';
	END IF;
	IF NOT q ? 'from' THEN
		PERFORM pg_temp.execute(steps, q->>'direction');
		RETURN jsonb_build_object('steps', steps, 'heads', pg_temp.current());
	END IF;
	-- a range of the API: listed newest first, its lower end perhaps included
	IF q->>'direction' = 'apply' THEN
		listed := ARRAY(SELECT s FROM unnest(steps) WITH ORDINALITY u (s, n) ORDER BY n DESC);
	END IF;
	IF (q->>'inclusive')::boolean THEN
		listed := listed || ARRAY(SELECT schemamig_resolve(q->>'from') EXCEPT SELECT unnest(steps));
	END IF;
	RETURN jsonb_build_object('steps', listed);
END
$$;

CREATE FUNCTION pg_temp.answer_load(q jsonb) RETURNS jsonb
LANGUAGE sql AS $$
	SELECT jsonb_build_object(
		'heads', ARRAY(SELECT revision FROM schemamig_heads()),
		'effective_heads', ARRAY(SELECT revision FROM schemamig_heads(true)),
		'bases', ARRAY(SELECT revision FROM schemamig_history() WHERE parents = '{}'),
		'merge_points', ARRAY(SELECT revision FROM schemamig_history() WHERE cardinality(parents) > 1),
		'branch_points', ARRAY(SELECT revision FROM schemamig_branches()))
$$;

CREATE FUNCTION pg_temp.answer_op(q jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
	step jsonb;
	ids text[];
BEGIN
	IF q->>'op' = 'path' THEN
		RETURN pg_temp.answer_path(q);
	ELSIF q->>'op' = 'load' THEN
		RETURN pg_temp.answer_load(q);
	ELSIF q->>'op' = 'stamp' THEN
		ids := ARRAY(SELECT schemamig_stamp(q->>'to'));
		PERFORM pg_temp.execute('{}', 'apply');
		IF ids <> pg_temp.current() THEN
			RAISE 'stamp says % is current, but % is', ids, pg_temp.current()
				USING ERRCODE = 'XX000';
		END IF;
		RETURN jsonb_build_object('heads', ids);
	ELSIF q->>'op' = 'resolve' THEN
		ids := ARRAY(SELECT schemamig_resolve(q->>'to'));
		IF (q->>'single')::boolean AND cardinality(ids) > 1 THEN
			RAISE 'there are 2 heads' USING ERRCODE = '42P08';
		END IF;
		RETURN jsonb_build_object('resolved', ids);
	ELSIF q->>'op' = 'history' THEN
		SELECT array_agg(h.revision) INTO ids
		FROM (SELECT revision FROM schemamig_history((q->>'from') || ':' || (q->>'to'))) h
		WHERE (q->>'inclusive')::boolean
			OR revision NOT IN (SELECT schemamig_resolve(q->>'from'));
		RETURN jsonb_build_object('steps', coalesce(ids, '{}'));
	ELSIF q->>'op' = 'apply' THEN
		FOR step IN SELECT jsonb_array_elements(q->'steps') LOOP
			PERFORM pg_temp.execute(ARRAY[step->>0],
				CASE step->>1 WHEN 'up' THEN 'apply' ELSE 'revert' END);
			ids := ids || (step->>0);
		END LOOP;
		RETURN jsonb_build_object('steps', ids, 'heads', pg_temp.current());
	END IF;
END
$$;

CREATE FUNCTION pg_temp.answer(q jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
	state text;
	msg text;
BEGIN
	TRUNCATE schemamig.revision, schemamig.applied, schemamig.step RESTART IDENTITY;
	IF q->>'op' = 'load' AND q->'revisions' <> '[]' THEN
		PERFORM pg_temp.load_files(q->'revisions');
	ELSE
		PERFORM pg_temp.load(q->'revisions');
	END IF;
	IF q ? 'applied' AND q->>'applied' <> 'base' THEN
		PERFORM pg_temp.set_applied(ARRAY(SELECT schemamig_resolve(q->>'applied')));
	END IF;
	RETURN pg_temp.answer_op(q);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, msg = MESSAGE_TEXT;
	RETURN jsonb_build_object('error', jsonb_build_object('sqlstate', state, 'message', msg));
END
$$;
