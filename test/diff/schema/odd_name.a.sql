CREATE SCHEMA "We""ird Schéma";
CREATE TABLE "We""ird Schéma"."Tä ble" ("select" int, "a.b" text);
