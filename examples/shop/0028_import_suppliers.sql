-- schemamig:revision 0028_import_suppliers
-- schemamig:message take over the list of We"ird Näme, names and all
-- schemamig:parents 0027_own_addresses_only

-- schemamig:up
-- A spreadsheet became a table, and its headings became names.
CREATE TABLE "We""ird Näme" (
	"Id" integer PRIMARY KEY,
	"select" text NOT NULL,
	"Größe (m²)" numeric(10, 2),
	"50% off?" boolean DEFAULT false,
	"it's; -- not a comment" text
);
CREATE INDEX CONCURRENTLY "We""ird Näme_Größe_idx"
	ON "We""ird Näme" ("Größe (m²)") WHERE NOT "50% off?";

CREATE FUNCTION "Größe"("Id" integer) RETURNS numeric
LANGUAGE sql STABLE AS $Näme$
	SELECT w."Größe (m²)" FROM "We""ird Näme" w WHERE w."Id" = $1;
$Näme$;

COMMENT ON COLUMN "We""ird Näme"."it's; -- not a comment" IS
'It''s what it says; nobody knows who reads it.';

-- schemamig:down
DROP FUNCTION "Größe"(integer);
DROP INDEX CONCURRENTLY "We""ird Näme_Größe_idx";
DROP TABLE "We""ird Näme";
