-- Checks the laws of the graph on one graph and one walk through its states;
-- see test/t/011_graph_properties.pl.  Needs answer.sql.

-- A path as an array, or the error instead.
CREATE FUNCTION pg_temp.try_path(target text, direction text, OUT steps text[], OUT error text)
LANGUAGE plpgsql AS $$
BEGIN
	SELECT coalesce(array_agg(p.revision ORDER BY p.seq), '{}') INTO steps
	FROM schemamig_path(target, direction) p;
EXCEPTION WHEN OTHERS THEN
	error := SQLSTATE;
	IF error ~ '^XX' THEN
		RAISE;
	END IF;
END
$$;

CREATE FUNCTION pg_temp.applied() RETURNS text[]
LANGUAGE sql AS $$
	SELECT coalesce(array_agg(revision ORDER BY revision), '{}') FROM schemamig.applied
$$;

-- Applied revisions that no other applied one needs, by the tables alone.
CREATE FUNCTION pg_temp.maximal() RETURNS text[]
LANGUAGE sql AS $$
	SELECT coalesce(array_agg(a.revision ORDER BY a.revision), '{}')
	FROM schemamig.applied a
	WHERE NOT EXISTS (
		SELECT FROM schemamig.applied o
			JOIN schemamig.revision r ON r.id = o.revision
		WHERE a.revision = ANY (r.parents || r.depends_on)
			OR EXISTS (SELECT FROM schemamig.revision l
				WHERE l.id = a.revision AND l.labels && r.depends_on))
$$;

CREATE FUNCTION pg_temp.sorted(ids text[]) RETURNS text[]
LANGUAGE sql AS $$ SELECT coalesce(array_agg(id ORDER BY id COLLATE "C"), '{}') FROM unnest(ids) id $$;

CREATE FUNCTION pg_temp.assert(ok boolean, law text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF ok IS NOT TRUE THEN
		RAISE '%', law USING ERRCODE = 'SMLAW';
	END IF;
END
$$;

-- The same answers, as sets, when the revisions were created in another order.
CREATE FUNCTION pg_temp.shuffled_path(target text, direction text, OUT steps text[], OUT error text)
LANGUAGE plpgsql AS $$
BEGIN
	UPDATE schemamig.revision r SET ordinal = -s.n
	FROM (SELECT id, row_number() OVER (ORDER BY md5(id || target)) AS n FROM schemamig.revision) s
	WHERE s.id = r.id;
	SELECT p.steps, p.error INTO steps, error FROM pg_temp.try_path(target, direction) p;
	UPDATE schemamig.revision r SET ordinal = o.ordinal
	FROM ordinals o WHERE o.id = r.id;
END
$$;

CREATE FUNCTION pg_temp.check_path(target text, direction text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	before text[] := pg_temp.applied();
	current text[] := ARRAY(SELECT revision FROM schemamig_current());
	path record;
	again record;
	step text;
BEGIN
	path := pg_temp.try_path(target, direction);
	again := pg_temp.try_path(target, direction);
	PERFORM pg_temp.assert(path IS NOT DISTINCT FROM again, 'a path is deterministic');
	again := pg_temp.shuffled_path(target, direction);
	PERFORM pg_temp.assert(path.error IS NOT DISTINCT FROM again.error
		AND pg_temp.sorted(path.steps) = pg_temp.sorted(again.steps),
		'the set of steps does not depend on the order of creation: ' || again::text);
	PERFORM pg_temp.assert(pg_temp.applied() = before, 'asking for a path changes nothing');
	IF path.error IS NOT NULL THEN
		RETURN;
	END IF;

	PERFORM pg_temp.assert(cardinality(path.steps) = (SELECT count(DISTINCT s) FROM unnest(path.steps) s), 'no step comes twice');
	PERFORM pg_temp.assert(CASE direction WHEN 'apply' THEN NOT path.steps && before ELSE path.steps <@ before END,
		'only what is not applied is applied, only what is applied is reverted');
	FOREACH step IN ARRAY path.steps LOOP
		-- fails when the applied set is not closed afterwards
		PERFORM pg_temp.execute(ARRAY[step], direction);
	END LOOP;
	PERFORM pg_temp.assert(pg_temp.sorted(ARRAY(SELECT revision FROM schemamig_current())) = pg_temp.maximal(), 'current is maximal');
	PERFORM pg_temp.assert(pg_temp.applied() = pg_temp.sorted(ARRAY(SELECT pg_temp.closed(ARRAY(SELECT revision FROM schemamig_current())))),
		'the applied set is what the current revisions need');

	IF target ~ '^([^-+@]+@)?[^-+@]+$' AND target !~ 'current' THEN
		again := pg_temp.try_path(target, direction);
		PERFORM pg_temp.assert(coalesce(again.steps, '{}') = '{}', 'there is nothing left to do the second time');
		IF direction = 'apply' THEN
			PERFORM pg_temp.assert(pg_temp.applied() = pg_temp.sorted(ARRAY(
				SELECT unnest(before) UNION SELECT pg_temp.closed(ARRAY(SELECT schemamig_resolve(target))))),
				'applying adds what the target needs, and nothing else');
		END IF;
	END IF;

	-- back, and there again
	IF direction = 'revert' AND current <> '{}' THEN
		again := pg_temp.try_path(array_to_string(current, ','), 'apply');
		PERFORM pg_temp.assert(pg_temp.sorted(again.steps) = pg_temp.sorted(path.steps), 'applying what was current undoes a revert');
	ELSIF direction = 'apply' AND before = '{}' THEN
		again := pg_temp.try_path('base', 'revert');
		PERFORM pg_temp.assert(pg_temp.sorted(again.steps) = pg_temp.sorted(path.steps), 'reverting to base undoes all');
	END IF;
END
$$;

CREATE FUNCTION pg_temp.check_stamp(target text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	before text[] := pg_temp.applied();
	current text[] := ARRAY(SELECT revision FROM schemamig_current());
	runs bigint := (SELECT count(*) FROM schemamig.run);
	answer text[];
BEGIN
	BEGIN
		answer := ARRAY(SELECT schemamig_stamp(target));
	EXCEPTION WHEN OTHERS THEN
		IF SQLSTATE ~ '^XX' THEN
			RAISE;
		END IF;
		PERFORM pg_temp.assert(pg_temp.applied() = before AND (SELECT count(*) FROM schemamig.run) = runs, 'an error changes nothing');
		RETURN;
	END;
	PERFORM pg_temp.execute('{}', 'apply');
	PERFORM pg_temp.assert(pg_temp.sorted(answer) = pg_temp.maximal(), 'a stamp returns what is current');
	IF target ~ '^[^-+@]+$' AND target NOT IN ('base', 'current') THEN
		PERFORM pg_temp.assert(ARRAY(SELECT schemamig_resolve(target)) <@ pg_temp.applied(), 'what is stamped is applied');
	END IF;
	-- from anywhere back to where it was
	PERFORM schemamig_stamp(coalesce(nullif(array_to_string(current, ', '), ''), 'base'), purge => true);
	PERFORM pg_temp.assert(pg_temp.applied() = before, 'a purging stamp restores a former state');
	PERFORM schemamig_stamp(target);
END
$$;

CREATE FUNCTION pg_temp.check_look() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	ids text[] := ARRAY(SELECT id FROM schemamig.revision ORDER BY ordinal);
	listed text[] := ARRAY(SELECT revision FROM schemamig_history());
	lines text[] := ARRAY(SELECT l FROM string_to_table(schemamig_graph(), E'\n') l WHERE l ~ '[[:alnum:]]{2}');
BEGIN
	PERFORM pg_temp.assert(pg_temp.sorted(listed) = pg_temp.sorted(ids), 'history lists everything once');
	PERFORM pg_temp.assert(NOT EXISTS (
		SELECT FROM schemamig_history() WITH ORDINALITY c, schemamig_history() WITH ORDINALITY p
		WHERE p.revision = ANY (c.parents || c.depends_on) AND p.ordinality <= c.ordinality), 'history lists the newest first');
	PERFORM pg_temp.assert(ARRAY(SELECT revision FROM schemamig_heads()) = ARRAY(SELECT revision FROM schemamig_history() WHERE is_head ORDER BY array_position(ids, revision)), 'heads have no children');
	PERFORM pg_temp.assert(ARRAY(SELECT schemamig_resolve('heads')) = ARRAY(SELECT revision FROM schemamig_heads(true)), 'the target heads means the effective heads');
	PERFORM pg_temp.assert(cardinality(lines) = cardinality(ids), 'the drawing shows every revision once');
END
$$;

-- steps: [[what, target], ...] with what apply, revert or stamp.  Returns null,
-- or which law was broken where.
CREATE FUNCTION pg_temp.check_laws(revisions jsonb, steps jsonb) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	step jsonb;
	context text;
BEGIN
	TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry RESTART IDENTITY;
	PERFORM pg_temp.load(revisions);
	TRUNCATE ordinals;
	INSERT INTO ordinals SELECT id, ordinal FROM schemamig.revision;
	PERFORM pg_temp.check_look();
	FOR step IN SELECT jsonb_array_elements(steps) LOOP
		CASE step->>0
			WHEN 'stamp' THEN PERFORM pg_temp.check_stamp(step->>1);
			ELSE PERFORM pg_temp.check_path(step->>1, step->>0);
		END CASE;
	END LOOP;
	PERFORM pg_temp.check_look();
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
	RETURN format('%s: %s: %s', step, SQLERRM, CASE SQLSTATE WHEN 'SMLAW' THEN '' ELSE SQLSTATE || ' ' || context END);
END
$$;

CREATE TEMP TABLE ordinals (id text PRIMARY KEY, ordinal bigint);
