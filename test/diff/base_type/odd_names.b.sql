CREATE TYPE "We""ird T";
CREATE FUNCTION "In ""x"(cstring) RETURNS "We""ird T" LANGUAGE internal IMMUTABLE STRICT AS 'boolin';
CREATE FUNCTION "select"("We""ird T") RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'boolout';
CREATE TYPE "We""ird T" (INPUT = "In ""x", OUTPUT = "select", LIKE = bool);
CREATE TABLE "T" (a "We""ird T"[] DEFAULT '{t}');
