CREATE SCHEMA "We""ird Schéma";
CREATE TABLE "We""ird Schéma"."Tä ble" ("select" bigint, "a.b" text DEFAULT 'x', "New ""c" int);
COMMENT ON COLUMN "We""ird Schéma"."Tä ble"."New ""c" IS 'c';
