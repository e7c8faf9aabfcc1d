CREATE TABLE "order" (id int PRIMARY KEY, "User" text); CREATE VIEW "Select" AS SELECT id FROM "order"; CREATE FUNCTION fn("Arg" int) RETURNS int LANGUAGE sql AS 'SELECT 1';
