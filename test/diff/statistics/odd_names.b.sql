CREATE TABLE "T ""t" ("A a" int, "select" int); CREATE STATISTICS "S ""s" ON "A a", "select" FROM "T ""t"; COMMENT ON STATISTICS "S ""s" IS 's';
