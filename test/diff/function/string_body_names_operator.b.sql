-- alone
CREATE TABLE t (a text);
CREATE FUNCTION z_both(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT $1 = $2 $$;
CREATE OPERATOR public.|+| (FUNCTION = z_both, LEFTARG = text, RIGHTARG = text);
CREATE TEXT SEARCH CONFIGURATION public.z_words (COPY = simple);
CREATE COLLATION public.z_order FROM "C";
CREATE FUNCTION a_uses(x text) RETURNS bigint LANGUAGE sql
AS $$ SELECT count(*) FROM t WHERE a OPERATOR(public.|+|) x AND a < x COLLATE public.z_order $$;
CREATE FUNCTION a_names() RETURNS text LANGUAGE sql
AS $$ SELECT 'public.|+|(text, text)'::regoperator || 'public.z_words'::regconfig::text $$;
