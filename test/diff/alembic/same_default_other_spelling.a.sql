CREATE TABLE t (a int DEFAULT 5, b float8 DEFAULT random()*1, c timestamptz DEFAULT CURRENT_TIMESTAMP, d varchar(5) DEFAULT 'x');
