CREATE TABLE t (a int DEFAULT 2+3, b float8 DEFAULT random()*1.0, c timestamptz DEFAULT now(), d varchar(5) DEFAULT 'x'::varchar);
