CREATE TABLE t (a int, b int DEFAULT 6, c text DEFAULT 'x', d timestamptz DEFAULT clock_timestamp());
