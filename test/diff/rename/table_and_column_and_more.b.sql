-- schemamig:rename t "We""ird Näme"
-- schemamig:rename "We""ird Näme".a "select"
CREATE TABLE "We""ird Näme" (id serial PRIMARY KEY, "select" bigint NOT NULL CHECK ("select" > 0), b text DEFAULT 'x');
CREATE INDEX ON "We""ird Näme" ("select");
CREATE TABLE r (a int REFERENCES "We""ird Näme" ON DELETE SET NULL);
