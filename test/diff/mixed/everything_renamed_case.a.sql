CREATE TABLE "Order" ("Id" int PRIMARY KEY, "user" text); CREATE VIEW "select" AS SELECT "Id" FROM "Order"; CREATE FUNCTION "Fn"("Arg" int) RETURNS int LANGUAGE sql AS 'SELECT 1';
