-- schemamig:rename x.x a
-- schemamig:rename x.y b
-- schemamig:rename x.x.x k
CREATE SCHEMA x;
CREATE TABLE x.a (k int PRIMARY KEY, old int, y int);
CREATE TABLE x.b (x int REFERENCES x.a, z int);
CREATE VIEW x.v AS SELECT a.k AS x, b.z FROM x.a JOIN x.b ON a.k = b.x;
CREATE VIEW x.w AS SELECT y.k AS x, z.z FROM x.a y JOIN x.b z ON y.k = z.x;
CREATE VIEW x.u AS SELECT (SELECT max(q.z) FROM x.b q) AS m, y.y FROM x.a y;
CREATE PUBLICATION pub FOR TABLE x.a (k, y) WHERE (y > 0), x.b;
