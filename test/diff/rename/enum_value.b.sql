-- schemamig:rename app.mood.sad glum
-- schemamig:rename app.mood."o'k" fine
CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('glum', 'fine', 'very glad');
COMMENT ON TYPE app.mood IS 'not ''sad''::app.mood';
CREATE DOMAIN app.dm AS app.mood DEFAULT 'glum' CHECK (VALUE <> 'fine' OR VALUE = 'glum');
CREATE TABLE app.t (
	id int PRIMARY KEY,
	m app.mood NOT NULL DEFAULT 'glum',
	ms app.mood[] DEFAULT '{glum,fine}',
	d app.dm DEFAULT 'glum',
	sad text DEFAULT 'sad' CHECK (sad <> 'sad'),
	g text GENERATED ALWAYS AS (CASE m WHEN 'glum' THEN 'sad' ELSE 'x' END) STORED,
	CHECK (m IN ('glum', 'very glad')),
	CONSTRAINT arr CHECK (ms <> '{{glum,fine},{glum,glum}}'));
CREATE INDEX ti ON app.t (id) WHERE m = 'glum';
CREATE INDEX tx ON app.t ((m = 'glum'), sad);
CREATE VIEW app.v AS SELECT *, 'glum'::app.mood AS x, 'sad' AS txt, 'glum'::app.dm AS y FROM app.t WHERE m = ANY ('{glum,fine}');
GRANT SELECT ON app.v TO alice;
CREATE MATERIALIZED VIEW app.mv AS SELECT id FROM app.t WHERE m = 'glum';
CREATE TABLE app.p (m app.mood, n int) PARTITION BY LIST (m);
CREATE TABLE app.p1 PARTITION OF app.p FOR VALUES IN ('glum', NULL);
CREATE TABLE app.p2 PARTITION OF app.p FOR VALUES IN ('fine');
CREATE FUNCTION app.f(m app.mood DEFAULT 'glum') RETURNS app.mood LANGUAGE sql BEGIN ATOMIC SELECT 'glum'::app.mood; END;
CREATE RULE r AS ON INSERT TO app.t WHERE new.m = 'glum' DO ALSO DELETE FROM app.p WHERE m = 'glum';
ALTER TABLE app.t ENABLE ROW LEVEL SECURITY;
CREATE POLICY pol ON app.t USING (m = 'glum');
CREATE FUNCTION app.tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER tr BEFORE UPDATE ON app.t FOR EACH ROW WHEN (old.m = 'glum') EXECUTE FUNCTION app.tf();
