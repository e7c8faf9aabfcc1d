-- What a client finds in its database: a small history, not yet applied, that
-- cannot be applied in one transaction, and functions to add to it.

CREATE EXTENSION schemamig;

\set source `cat "$COMMON/history.sql"`
SELECT count(*) FROM schemamig_load(:'source');

CREATE SCHEMA fixture;
CREATE SEQUENCE fixture.offers;

-- Adds a revision to the history and returns its id.  index: can be applied,
-- but in no transaction; fails: has an error in its third statement; sleeps:
-- takes a minute; small: nothing special.
CREATE FUNCTION fixture.offer(what text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n text := nextval('fixture.offers');
BEGIN
	RETURN schemamig_revision(what, revision => what || '_' || n,
		up => CASE what
			WHEN 'index' THEN format(
				'CREATE INDEX CONCURRENTLY item_%s_idx ON item (name);
VACUUM (ANALYZE) item;', n)
			WHEN 'small' THEN format('CREATE TABLE small_%s (id integer);', n)
			WHEN 'sleeps' THEN
				'CREATE TABLE never (id integer);
SELECT pg_sleep(60);'
			WHEN 'fails' THEN
				'CREATE TABLE never (id integer);
COMMENT ON TABLE never IS ''Größe'';
SELECT ''Größe'' AS size,
	no_such_column
FROM item;'
		END,
		down => CASE what
			WHEN 'index' THEN format('DROP INDEX CONCURRENTLY item_%s_idx;', n)
			ELSE ''
		END);
END
$$;

-- Is somebody's run in the middle of its sleep?
CREATE FUNCTION fixture.asleep() RETURNS boolean LANGUAGE sql AS $$
	SELECT pg_stat_clear_snapshot() IS NOT NULL AND EXISTS
		(SELECT FROM pg_stat_activity
		 WHERE datname = current_database() AND wait_event = 'PgSleep'
			AND backend_type <> 'client backend');
$$;

-- Does the session that waits for a run hold a snapshot?
CREATE FUNCTION fixture.waits_without_snapshot() RETURNS boolean
LANGUAGE sql AS $$
	SELECT bool_and(backend_xmin IS NULL)
	FROM pg_stat_activity
	WHERE datname = current_database() AND backend_type = 'client backend'
		AND state = 'active' AND query ~ 'schemamig_(apply|run)'
		AND pid <> pg_backend_pid();
$$;

-- What a run that has ended left behind: 'nothing', it has to be, after a
-- second at most.
CREATE FUNCTION fixture.left_behind() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
	start timestamptz := clock_timestamp();
BEGIN
	LOOP
		PERFORM pg_stat_clear_snapshot();
		SELECT string_agg(what, ', ') INTO found
		FROM (SELECT format('worker %s', pid) AS what
			FROM pg_stat_activity
			WHERE datname = current_database() AND backend_type ~ 'schemamig'
			UNION ALL
			SELECT format('lock of process %s', pid) FROM schemamig.lock
			UNION ALL
			SELECT format('invalid index %s', indexrelid::regclass)
			FROM pg_index WHERE NOT indisvalid
			UNION ALL
			SELECT 'table never' WHERE to_regclass('never') IS NOT NULL) AS f;
		IF found IS NULL OR clock_timestamp() > start + interval '1 second' THEN
			RETURN coalesce(found, 'nothing');
		END IF;
		PERFORM pg_sleep(0.05);
	END LOOP;
END
$$;

CREATE FUNCTION fixture.state(id text) RETURNS text LANGUAGE sql AS $$
	SELECT state FROM schemamig_history() WHERE revision = id;
$$;
