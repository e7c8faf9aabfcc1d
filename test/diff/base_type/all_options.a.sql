CREATE TYPE str;
CREATE FUNCTION str_in(cstring) RETURNS str LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION str_out(str) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE str (INPUT = str_in, OUTPUT = str_out, LIKE = text, CATEGORY = 'S', PREFERRED = true, DEFAULT = 'it''s', DELIMITER = ';', COLLATABLE = true);
