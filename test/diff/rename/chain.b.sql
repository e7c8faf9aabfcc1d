-- schemamig:rename a b
-- schemamig:rename b c
CREATE TABLE b (x int);
CREATE TABLE c (y int);
CREATE VIEW v AS SELECT x FROM b;
CREATE VIEW w AS SELECT y FROM c;
