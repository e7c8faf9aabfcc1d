-- schemamig:rename public.t.a "A b"
-- schemamig:rename public.t.date day
CREATE TABLE t ("A b" int PRIMARY KEY, day date DEFAULT '2020-01-01', CHECK (day > '2000-01-01'::date), l text GENERATED ALWAYS AS ("A b" || 'a') STORED, UNIQUE (day, "A b"));
COMMENT ON COLUMN t."A b" IS 'a';
GRANT SELECT ("A b"), UPDATE (day) ON t TO alice;
CREATE INDEX ti ON t (("A b" + 1), day DESC) INCLUDE ("A b") WHERE "A b" > 0;
CREATE TABLE u (a int REFERENCES t ("A b"), b int, FOREIGN KEY (a) REFERENCES t);
CREATE STATISTICS s ON "A b", day FROM t;
CREATE STATISTICS e ON ("A b" * 2), day FROM t;
CREATE VIEW v AS SELECT "A b" AS a, day AS date FROM t;
CREATE VIEW w AS SELECT v.a FROM v;
GRANT SELECT ON v TO bob;
CREATE MATERIALIZED VIEW m AS SELECT max("A b") AS a FROM t;
CREATE INDEX mi ON m (a);
CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT max("A b") FROM t; END;
CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER a BEFORE UPDATE OF "A b" ON t FOR EACH ROW WHEN (old."A b" < new."A b") EXECUTE FUNCTION g();
CREATE POLICY a ON t USING ("A b" > 1);
CREATE POLICY b ON t USING (EXISTS (SELECT FROM u WHERE u.a = t."A b"));
CREATE RULE a AS ON DELETE TO t DO ALSO SELECT old."A b";
