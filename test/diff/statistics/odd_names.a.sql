CREATE TABLE "T ""t" ("A a" int, "select" int);
