CREATE TYPE str;
CREATE FUNCTION str_in(cstring) RETURNS str LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION str_out(str) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE str (INPUT = str_in, OUTPUT = str_out, LIKE = text, STORAGE = plain);
CREATE TABLE t (s str);
INSERT INTO t VALUES ('a');
