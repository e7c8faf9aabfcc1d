CREATE UNLOGGED TABLE t (id bigint NOT NULL PRIMARY KEY, s varchar(10) DEFAULT 'y', more jsonb NOT NULL DEFAULT '{}'); CREATE TABLE u (id int);
