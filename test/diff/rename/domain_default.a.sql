CREATE SCHEMA rdd;
CREATE TYPE rdd.mood AS ENUM ('sad', 'glad');
CREATE DOMAIN rdd.d AS rdd.mood DEFAULT 'sad'::rdd.mood;
CREATE SEQUENCE rdd.s;
CREATE DOMAIN rdd.n AS bigint DEFAULT nextval('rdd.s');
