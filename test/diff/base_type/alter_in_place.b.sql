CREATE TYPE str;
CREATE FUNCTION str_in(cstring) RETURNS str LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION str_out(str) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE FUNCTION str_recv(internal) RETURNS str LANGUAGE internal STABLE STRICT AS 'textrecv';
CREATE FUNCTION str_send(str) RETURNS bytea LANGUAGE internal STABLE STRICT AS 'textsend';
CREATE FUNCTION str_tin(cstring[]) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'varchartypmodin';
CREATE FUNCTION str_tout(int) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'varchartypmodout';
CREATE TYPE str (INPUT = str_in, OUTPUT = str_out, RECEIVE = str_recv, SEND = str_send, TYPMOD_IN = str_tin, TYPMOD_OUT = str_tout, LIKE = text, STORAGE = plain);
CREATE TABLE t (s str);
