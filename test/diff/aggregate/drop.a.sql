CREATE AGGREGATE cnt(*) (SFUNC = int8inc, STYPE = int8, INITCOND = '0'); CREATE AGGREGATE mx(int) (SFUNC = int4larger, STYPE = int, SORTOP = OPERATOR(pg_catalog.>));
