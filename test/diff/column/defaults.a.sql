CREATE TABLE t (a int DEFAULT 1, b int DEFAULT 5, c text, d timestamptz DEFAULT now());
