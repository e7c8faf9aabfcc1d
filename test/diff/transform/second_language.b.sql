CREATE FUNCTION tf(internal) RETURNS internal LANGUAGE internal IMMUTABLE AS 'textrecv';
CREATE TYPE ct AS (a int); CREATE TYPE "T ""x" AS ENUM ('a');
CREATE FUNCTION ts(internal) RETURNS ct LANGUAGE internal IMMUTABLE AS 'textrecv'; CREATE FUNCTION te(internal) RETURNS "T ""x" LANGUAGE internal IMMUTABLE AS 'textrecv';
CREATE TRANSFORM FOR ct LANGUAGE sql (TO SQL WITH FUNCTION ts(internal)); CREATE TRANSFORM FOR ct LANGUAGE plpgsql (FROM SQL WITH FUNCTION tf(internal));
