CREATE TABLE t (id int PRIMARY KEY, u uuid DEFAULT gen_random_uuid() NOT NULL, s serial);
