CREATE TABLE t (a int, b varchar(50), c varchar(50), d varchar(50), e numeric(10,2), f numeric, g timestamp, h timestamptz, i int[], j json, k text, l char(3), m boolean, n int DEFAULT 5, o varchar(20) DEFAULT 'x');
INSERT INTO t VALUES (1, 'b', 'c', 'd', 1, 2, now(), now(), '{1}', '{}', '12', 'abc', true, 1, 'o');
