CREATE SCHEMA x;
CREATE TABLE x.x (x int PRIMARY KEY, old int, y int);
CREATE TABLE x.y (x int REFERENCES x.x, z int);
CREATE VIEW x.v AS SELECT x.x, y.z FROM x.x JOIN x.y USING (x);
CREATE VIEW x.w AS SELECT y.x, z.z FROM x.x y JOIN x.y z ON y.x = z.x;
CREATE VIEW x.u AS SELECT (SELECT max(q.z) FROM x.y q) AS m, y.y FROM x.x y;
CREATE PUBLICATION pub FOR TABLE x.x (x, y) WHERE (y > 0), x.y;
