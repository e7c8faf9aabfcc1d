-- What the examples of doc/rules.md refer to.
CREATE SCHEMA lint_examples;
SET search_path = lint_examples, public;
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN plain AS int;
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE o (id bigint PRIMARY KEY, v text);
CREATE TABLE o2 (id bigint);
CREATE TABLE o3 (id bigint NOT NULL);
CREATE UNIQUE INDEX o3_id ON o3 (id);
CREATE TABLE t (
	id bigint PRIMARY KEY,
	a int,
	b text,
	c varchar(10),
	d int,
	proved int,
	o_id bigint NOT NULL,
	CONSTRAINT proved_there CHECK (proved IS NOT NULL)
);
CREATE INDEX t_b ON t (b);
CREATE INDEX t_o_id ON t (o_id);
CREATE UNIQUE INDEX t_c_uq ON t (c);
CREATE TABLE r (id bigint PRIMARY KEY, o_id bigint CONSTRAINT r_o_fkey REFERENCES o);
CREATE TABLE g (a int, g int GENERATED ALWAYS AS (a * 2) STORED);
CREATE TABLE p (id bigint NOT NULL, k int) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (1000);
CREATE TABLE p_unproved (id bigint NOT NULL, k int);
CREATE TABLE p_proved (id bigint NOT NULL, k int, CHECK (id >= 3000 AND id < 4000));
CREATE MATERIALIZED VIEW mv AS SELECT id FROM t;
CREATE UNIQUE INDEX mv_id ON mv (id);
CREATE FUNCTION trg() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
