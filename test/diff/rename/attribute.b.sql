-- schemamig:rename pair.a first
-- schemamig:rename public.pair.b "Second"
CREATE TYPE pair AS (first int, "Second" text COLLATE "C", "C d" numeric(4, 2));
COMMENT ON COLUMN pair.first IS 'a';
CREATE TYPE outer_pair AS (a pair, b int);
CREATE TABLE t (id int, a pair DEFAULT ROW(1, 'a', 2), ps pair[], o outer_pair, b int CHECK (b > 0), CHECK ((a).first > 0), CHECK ((ps[1])."Second" <> 'x'), CHECK (((o).a)."Second" <> 'y'));
CREATE INDEX ti ON t (((a)."Second"));
CREATE INDEX tb ON t (b);
CREATE VIEW v AS SELECT (a).first AS x, (a)."Second" AS b, a, (o).b AS ob FROM t;
CREATE VIEW w AS SELECT x FROM v;
GRANT SELECT ON w TO alice;
CREATE MATERIALIZED VIEW mv AS SELECT (a).* FROM t;
CREATE INDEX mvi ON mv (first);
CREATE FUNCTION f() RETURNS SETOF pair LANGUAGE sql AS $$ SELECT 1, 'b', 2.0 $$;
CREATE FUNCTION g(p pair) RETURNS int LANGUAGE sql AS $$ SELECT (p).first $$;
CREATE FUNCTION h(p pair) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT (p).first; END;
CREATE VIEW vf AS SELECT * FROM f();
CREATE VIEW vg AS SELECT f."Second" AS b FROM f();
CREATE RULE r AS ON INSERT TO t DO ALSO UPDATE t SET a.first = 2 WHERE (new.a).first = 1;
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON t USING ((a).first > 1);
