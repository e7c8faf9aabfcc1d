CREATE TYPE "Mood" AS ENUM ('a', 'b', 'c', 'x');
CREATE TYPE other AS ENUM ('a', 'b');
CREATE TABLE t (m "Mood" DEFAULT 'a', n "Mood" DEFAULT 'b', o other DEFAULT 'a', ms "Mood"[] DEFAULT '{a,b,c}');
CREATE VIEW v AS SELECT 'a'::"Mood" AS a, 'a'::other AS b, m FROM t WHERE m < 'c';
INSERT INTO t DEFAULT VALUES;
