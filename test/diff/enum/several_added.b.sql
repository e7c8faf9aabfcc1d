CREATE TYPE e AS ENUM ('a', 'b', 'c', 'd', 'e'); ALTER TYPE e OWNER TO alice; CREATE TABLE t (x e DEFAULT 'c');
