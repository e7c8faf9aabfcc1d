CREATE TABLE t (a int, b text, c text, r int4range, j jsonb);
CREATE INDEX i1 ON t (a); CREATE INDEX i2 ON t (a); CREATE INDEX i3 ON t (a); CREATE INDEX i4 ON t (a); CREATE INDEX i5 ON t (b); CREATE INDEX i6 ON t (b); CREATE INDEX i7 ON t (lower(b)); CREATE INDEX i8 ON t (a) WHERE a > 0; CREATE INDEX i9 ON t (a) WITH (fillfactor = 50) WHERE a > 0;
