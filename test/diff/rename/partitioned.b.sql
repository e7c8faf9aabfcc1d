-- schemamig:rename public.t event
-- schemamig:rename public.t.at day
-- schemamig:rename public.p.b bb
-- schemamig:rename public.t2 event_2021
CREATE TABLE event (id int, day date, v int, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE t1 PARTITION OF event FOR VALUES FROM ('2020-01-01') TO ('2021-01-01') PARTITION BY LIST (day);
CREATE TABLE event_2021 PARTITION OF event FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
CREATE TABLE t11 PARTITION OF t1 DEFAULT;
CREATE INDEX ti ON event (v, day);
CREATE TABLE p (a int, bb int CHECK (bb > 0));
CREATE TABLE c (d int) INHERITS (p);
CREATE INDEX ci ON c (bb);
