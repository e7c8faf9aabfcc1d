CREATE TYPE tr AS RANGE (subtype = text); ALTER TYPE tr OWNER TO alice; COMMENT ON TYPE tr IS 'r';
