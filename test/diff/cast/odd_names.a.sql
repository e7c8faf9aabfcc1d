CREATE TYPE "T ""x" AS ENUM ('a'); CREATE TYPE "select" AS (a int);
