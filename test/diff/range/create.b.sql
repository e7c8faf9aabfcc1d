CREATE TYPE fr AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE TABLE t (r fr, m fr_multirange);
