CREATE TYPE tr AS RANGE (subtype = text, multirange_type_name = trs);
