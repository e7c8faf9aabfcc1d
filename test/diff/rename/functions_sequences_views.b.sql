-- schemamig:rename stamp mark
-- schemamig:rename public.two zwei
-- schemamig:rename s "S"
-- schemamig:rename v vv
-- schemamig:rename m mm
-- schemamig:rename ti tj
CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION one(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE FUNCTION one(text) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2';
CREATE FUNCTION zwei(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2';
GRANT EXECUTE ON FUNCTION zwei TO alice;
CREATE SEQUENCE "S";
CREATE TABLE t (id int DEFAULT nextval('"S"'), one int CHECK (zwei(one) > one(1)));
CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION mark();
CREATE INDEX tj ON t (zwei(id));
CREATE VIEW vv AS SELECT zwei(id) AS two FROM t;
CREATE VIEW w AS SELECT two FROM vv;
CREATE MATERIALIZED VIEW mm AS SELECT zwei(1) AS two;
