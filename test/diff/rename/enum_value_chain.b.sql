-- schemamig:rename "Mood".a b
-- schemamig:rename "Mood".b "the, 'c'"
-- schemamig:rename "Mood" feeling
-- schemamig:rename feeling.x z
CREATE TYPE feeling AS ENUM ('b', 'the, ''c''', 'between', 'c', 'z', 'added');
CREATE TYPE other AS ENUM ('a', 'b');
CREATE TABLE t (m feeling DEFAULT 'b', n feeling DEFAULT 'the, ''c''', o other DEFAULT 'a', ms feeling[] DEFAULT '{b,"the, ''c''",c}');
CREATE VIEW v AS SELECT 'b'::feeling AS a, 'a'::other AS b, m FROM t WHERE m < 'c';
