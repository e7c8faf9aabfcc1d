CREATE TABLE t (a text COLLATE "POSIX", b text);
