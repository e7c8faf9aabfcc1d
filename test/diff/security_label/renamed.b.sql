-- schemamig:rename t u
-- schemamig:rename t.a b
CREATE TABLE u (b int); SECURITY LABEL FOR dummy ON TABLE u IS 'x'; SECURITY LABEL FOR dummy ON COLUMN u.b IS 'c2';
