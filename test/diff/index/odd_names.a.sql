CREATE TABLE "T t" ("A" int, "b""b" text); CREATE INDEX "I""x" ON "T t" ("A");
