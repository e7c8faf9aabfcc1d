CREATE TABLE a (id text PRIMARY KEY); CREATE TABLE b (a_id text REFERENCES a, n int);
