-- schemamig:rename rdd.mood temper
-- schemamig:rename rdd.s numbers
CREATE SCHEMA rdd;
CREATE TYPE rdd.temper AS ENUM ('sad', 'glad');
CREATE DOMAIN rdd.d AS rdd.temper DEFAULT 'sad'::rdd.temper;
CREATE SEQUENCE rdd.numbers;
CREATE DOMAIN rdd.n AS bigint DEFAULT nextval('rdd.numbers');
