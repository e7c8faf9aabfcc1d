CREATE TABLE "T t" ("A" int, "b""b" text); CREATE INDEX "I""x" ON "T t" ("b""b") WHERE "b""b" <> 'it''s';
