CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('sad', 'o''k', 'very glad');
COMMENT ON TYPE app.mood IS 'not ''sad''::app.mood';
CREATE DOMAIN app.dm AS app.mood DEFAULT 'sad' CHECK (VALUE <> 'o''k' OR VALUE = 'sad');
CREATE TABLE app.t (
	id int PRIMARY KEY,
	m app.mood NOT NULL DEFAULT 'sad',
	ms app.mood[] DEFAULT '{sad,o''k}',
	d app.dm DEFAULT 'sad',
	sad text DEFAULT 'sad' CHECK (sad <> 'sad'),
	g text GENERATED ALWAYS AS (CASE m WHEN 'sad' THEN 'sad' ELSE 'x' END) STORED,
	CHECK (m IN ('sad', 'very glad')),
	CONSTRAINT arr CHECK (ms <> '{{sad,o''k},{sad,sad}}'));
CREATE INDEX ti ON app.t (id) WHERE m = 'sad';
CREATE INDEX tx ON app.t ((m = 'sad'), sad);
CREATE VIEW app.v AS SELECT *, 'sad'::app.mood AS x, 'sad' AS txt, 'sad'::app.dm AS y FROM app.t WHERE m = ANY ('{sad,o''k}');
GRANT SELECT ON app.v TO alice;
CREATE MATERIALIZED VIEW app.mv AS SELECT id FROM app.t WHERE m = 'sad';
CREATE TABLE app.p (m app.mood, n int) PARTITION BY LIST (m);
CREATE TABLE app.p1 PARTITION OF app.p FOR VALUES IN ('sad', NULL);
CREATE TABLE app.p2 PARTITION OF app.p FOR VALUES IN ('o''k');
CREATE FUNCTION app.f(m app.mood DEFAULT 'sad') RETURNS app.mood LANGUAGE sql BEGIN ATOMIC SELECT 'sad'::app.mood; END;
CREATE RULE r AS ON INSERT TO app.t WHERE new.m = 'sad' DO ALSO DELETE FROM app.p WHERE m = 'sad';
ALTER TABLE app.t ENABLE ROW LEVEL SECURITY;
CREATE POLICY pol ON app.t USING (m = 'sad');
CREATE FUNCTION app.tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER tr BEFORE UPDATE ON app.t FOR EACH ROW WHEN (old.m = 'sad') EXECUTE FUNCTION app.tf();
INSERT INTO app.p VALUES ('sad', 1), ('o''k', 2);
INSERT INTO app.t (id, m, ms, d, sad) VALUES (1, 'very glad', '{sad}', 'sad', 'x');
