CREATE TYPE tr AS RANGE (subtype = text);
