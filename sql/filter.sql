--
-- Filters: what they leave out is left out everywhere, and never silently
-- where something else needs it
--
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry, schemamig.state, schemamig.model, schemamig.filter RESTART IDENTITY;
\set VERBOSITY terse
SET client_min_messages = warning;
SET schemamig.lint = off;
SET schemamig.allow_destructive = on;

-- bad input
SELECT schemamig_filter(NULL);
SELECT schemamig_filter('hide', 'x');
SELECT schemamig_filter('exclude');
SELECT schemamig_filter('exclude', '');
SELECT schemamig_filter('exclude', 'a..b');
SELECT schemamig_filter('exclude', 'a.b.c.d');
SELECT schemamig_filter('exclude', 'a."b');
SELECT schemamig_filter('exclude', repeat('x', 400));
SELECT schemamig_filter('exclude', 'x', 'tabel');
SELECT schemamig_filter('remove', 'x');
SELECT schemamig_filter('remove', 'x', 'table');
SELECT * FROM schemamig_filters();

-- a history, and what others have made beside it
CREATE SCHEMA audit;
CREATE TABLE audit.log (id int PRIMARY KEY, at timestamptz);
CREATE SCHEMA app;
SELECT schemamig_revision('one', 'CREATE TABLE app.event (id int NOT NULL, at date NOT NULL) PARTITION BY RANGE (at); CREATE TABLE app.account (id int PRIMARY KEY, note text)',
	'DROP TABLE app.account, app.event', 'fil1');
SELECT revision FROM schemamig_apply();
SELECT drifted FROM schemamig_status();
CREATE TABLE app.event_p2026 PARTITION OF app.event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY RANGE (at);
CREATE TABLE app.event_p2026_1 PARTITION OF app.event_p2026 FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE INDEX event_p_at ON app.event_p2026 (at);
CREATE TABLE app.tmp_import (id serial PRIMARY KEY REFERENCES app.account, n int);
CREATE INDEX tmp_import_n ON app.tmp_import (n);
CREATE VIEW app."Report ""x" AS SELECT id FROM app.account;
ALTER TABLE audit.log ADD who text;
SET client_min_messages = error;
CREATE PUBLICATION filter_pub FOR TABLE app.tmp_import;
SET client_min_messages = warning;
SELECT kind, object, action FROM schemamig_drift() ORDER BY 1, 2;
SELECT drifted FROM schemamig_status();
-- each rule takes its part away
SELECT schemamig_filter('exclude', 'audit', 'schema');
SELECT schemamig_filter('exclude', 'app.event_p*');
SELECT kind, object, action FROM schemamig_drift() ORDER BY 1, 2;
SELECT schemamig_filter('exclude', 'TMP_*');
SELECT schemamig_filter('exclude', 'app."Report ""x"', 'view');
SELECT kind, object, action FROM schemamig_drift() ORDER BY 1, 2;
SELECT drifted FROM schemamig_status();
SELECT schemamig_filter('exclude', kind => 'publication');
SELECT * FROM schemamig_drift();
SELECT drifted FROM schemamig_status();
SELECT action, pattern, kind, objects, created_by = current_user AS mine FROM schemamig_filters();
SELECT message FROM schemamig.log WHERE event = 'filter' ORDER BY seq;
-- what is not left out still counts, and comes alone into a repair
ALTER TABLE app.account ADD extra int;
SELECT drifted FROM schemamig_status();
SELECT kind, object, action FROM schemamig_drift();
SELECT schemamig_autogenerate('no', 'schema:app');
SELECT schemamig_repair('extra') IS NOT NULL AS repaired;
SELECT up FROM schemamig_show('head');
SELECT drifted FROM schemamig_status();
-- the kept snapshot is whole: a rule that goes is as if it had never been
SELECT schemamig_filter('remove', 'app.event_p*');
SELECT kind, object, action FROM schemamig_drift() ORDER BY 1, 2;
CREATE TABLE app.event_p2027 PARTITION OF app.event FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
SELECT kind, object, action FROM schemamig_drift() ORDER BY 1, 2;
SELECT schemamig_filter('exclude', 'app.event_p*');
SELECT kind, object, action FROM schemamig_drift() ORDER BY 1, 2;

-- model, check and autogenerate agree, and so do fingerprints
SELECT schemamig_fingerprint('live') = schemamig_fingerprint('revision:head') AS same;
SELECT schemamig_model($$
CREATE SCHEMA app;
CREATE TABLE app.event (id int NOT NULL, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE app.event_pdefault PARTITION OF app.event DEFAULT;
CREATE TABLE app.account (id int PRIMARY KEY, note text, extra int);
CREATE TABLE app.tmp_other (a int);
$$) = schemamig_fingerprint('live') AS same;
SELECT * FROM schemamig_check();
SET client_min_messages = notice;
SELECT schemamig_autogenerate('nothing');
SET client_min_messages = warning;
SELECT string_agg(o->>'id', ' ' ORDER BY o->>'id' COLLATE "C") AS tables FROM jsonb_array_elements(schemamig_snapshot()->'objects') o WHERE o->>'kind' IN ('table');
-- a schema that is asked for by its name is there
SELECT string_agg(o->>'id', ' ' ORDER BY o->>'id' COLLATE "C") AS tables FROM jsonb_array_elements(schemamig_snapshot('{audit}')->'objects') o WHERE o->>'kind' IN ('table');

-- what is left out takes part where it must: an index of the partitioned table
-- is built on the partitions, too
SELECT schemamig_model($$
CREATE SCHEMA app;
CREATE TABLE app.event (id int NOT NULL, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE INDEX event_at ON app.event (at);
CREATE TABLE app.account (id int PRIMARY KEY, note text, extra int);
$$) IS NOT NULL AS declared;
SELECT seq, up, down, hazards FROM schemamig_check();
SELECT schemamig_autogenerate('indexes', revision => 'fil2');
SELECT revision FROM schemamig_apply();
SELECT relname, relispartition, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid WHERE indrelid::regclass::text LIKE 'app.event%' ORDER BY 1;
SELECT * FROM schemamig_check();
SELECT revision FROM schemamig_revert();
SELECT revision FROM schemamig_apply();
-- where only some partitions are left out that is said
SELECT schemamig_filter('remove', 'app.event_p*');
SELECT schemamig_filter('exclude', 'app.event_p2027');
SELECT schemamig_model($$
CREATE SCHEMA app;
CREATE TABLE app.event (id int NOT NULL, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE app.event_p2026 PARTITION OF app.event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY RANGE (at);
CREATE TABLE app.event_p2026_1 PARTITION OF app.event_p2026 FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE INDEX event_p_at ON app.event_p2026 (at);
CREATE INDEX event_at ON app.event (at);
CREATE INDEX event_id ON app.event (id);
CREATE TABLE app.account (id int PRIMARY KEY, note text, extra int);
$$) IS NOT NULL AS declared;
SELECT up, hazards FROM schemamig_check() WHERE hazards::text ~ 'left_out';
SELECT schemamig_filter('exclude', 'app.event_p*');

-- what goes, or changes its type, is needed by something left out
SELECT schemamig_model($$
CREATE SCHEMA app;
CREATE TABLE app.account (id bigint PRIMARY KEY, note text, extra int);
$$) IS NOT NULL AS declared;
SELECT up, h->>'severity' AS severity, h->>'message' AS message FROM schemamig_check(), jsonb_array_elements(hazards) h WHERE h->>'rule' = 'left_out' ORDER BY 1, 3;
-- what comes needs something left out, which is there or is not
SELECT schemamig_model($$
CREATE SCHEMA app;
CREATE SCHEMA audit;
CREATE TABLE audit.log (id int PRIMARY KEY, at timestamptz, who text);
CREATE TABLE audit.old (id int PRIMARY KEY);
CREATE TABLE app.event (id int NOT NULL, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE INDEX event_at ON app.event (at);
CREATE TABLE app.account (id int PRIMARY KEY, note text, extra int REFERENCES audit.log);
CREATE VIEW app.old AS SELECT id FROM audit.old;
$$) IS NOT NULL AS declared;
SELECT object, action, h->>'severity' AS severity, h->>'message' AS message FROM schemamig_check() LEFT JOIN jsonb_array_elements(hazards) h ON true ORDER BY 1, 2, 4;

-- include: only what matches is looked at
DELETE FROM schemamig.filter;
SELECT schemamig_filter('include', 'app', 'schema');
SELECT schemamig_filter('include', 'ac*', 'table');
SELECT string_agg(o->>'id', ' ' ORDER BY o->>'id' COLLATE "C") AS objects FROM jsonb_array_elements(schemamig_snapshot()->'objects') o WHERE o->>'kind' IN ('table', 'view', 'schema', 'sequence');
SELECT schemamig_filter('include', 'app.account');
SELECT string_agg(o->>'id', ' ' ORDER BY o->>'id' COLLATE "C") AS objects FROM jsonb_array_elements(schemamig_snapshot()->'objects') o WHERE o->>'kind' IN ('table', 'view', 'schema', 'sequence');
SELECT schemamig_filter('exclude', 'app.account.not?', 'column');
SELECT string_agg(o->>'id', ' ' ORDER BY o->>'id' COLLATE "C") AS columns FROM jsonb_array_elements(schemamig_snapshot()->'objects') o WHERE o->>'kind' IN ('column');
-- the action of a rule can be changed
SELECT schemamig_filter('exclude', 'app.account');
SELECT action, pattern, kind, objects FROM schemamig_filters();
SELECT schemamig_filter('remove', pattern, kind) FROM schemamig_filters();
SELECT * FROM schemamig_filters();

-- a proof overlooks what is left out, a baseline says what it needs of it
DROP PUBLICATION filter_pub;
DROP SCHEMA app CASCADE;
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry, schemamig.state, schemamig.model RESTART IDENTITY;
SELECT schemamig_revision('one', 'CREATE TABLE filter_a (a int); CREATE TABLE filter_tmp (a int)', 'DROP TABLE filter_a; ALTER TABLE filter_tmp RENAME TO filter_tmp2', 'fil1');
SELECT ok, test, detail FROM schemamig_verify() WHERE NOT ok;
SELECT schemamig_filter('exclude', 'filter_tmp*');
SELECT ok, test, detail FROM schemamig_verify() WHERE NOT ok;
SELECT schemamig_remove('fil1');
CREATE VIEW filter_v AS SELECT id FROM audit.log;
SELECT schemamig_filter('exclude', 'audit', 'schema');
\set VERBOSITY default
SELECT schemamig_baseline(revision => 'base1');
SELECT up LIKE '%VIEW public.filter_v%' AS has_view, up LIKE '%CREATE TABLE%' AS has_table FROM schemamig_show('base1');

DROP VIEW filter_v;
DROP SCHEMA audit CASCADE;
TRUNCATE schemamig.revision, schemamig.applied, schemamig.step, schemamig.run, schemamig.log_entry, schemamig.state, schemamig.model, schemamig.filter RESTART IDENTITY;
